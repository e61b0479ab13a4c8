//! The program and its supervisor, killed, interrupted, crossed by each other, and without space: nothing is lost.

mod concurrency;
mod data_workspace;
mod full_disk;
mod interrupts;
mod kills;
mod left_files;
mod model;
mod physical;
mod postgres;
mod supervisor;
mod torture;
mod whole_state;
mod world;
