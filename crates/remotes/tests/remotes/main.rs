//! All remotes against real servers: an S3 server within this process, rclone, a container registry, a web server.

mod contract;
mod faults;
mod fetching;
mod proxy;
mod refusals;
mod servers;
mod suite;
