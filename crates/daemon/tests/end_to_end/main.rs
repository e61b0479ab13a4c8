//! Real supervisors with real processes, from start to end.

mod apply;
mod containers;
mod hold;
mod life;
mod logs;
mod orphans;
mod place;
mod protocol;
mod speed;
mod stop;
