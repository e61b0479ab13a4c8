//! The program as its users meet it: sessions that are written in files, and what a file cannot say.

mod campus;
mod http;
mod interruptions;
mod program;
mod redaction;
mod refusals;
mod session;
mod sessions;
mod workspace;
