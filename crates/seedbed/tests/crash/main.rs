//! The program and its supervisor, killed, interrupted, crossed by each other, and without space: nothing is lost.

mod concurrency;
mod full_disk;
mod interrupts;
mod kills;
mod left_files;
mod postgres;
mod supervisor;
mod world;
