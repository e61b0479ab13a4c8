//! The smallest service that can be started, asked and stopped; tests and benchmarks run it by the dozen.
//!
//! `trivial_service PORT [DELAY_MS]` waits, listens, answers 200 to everything, and prints a line for each request.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what a service prints is what tests look for")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |index: usize| arguments.get(index).and_then(|text| text.parse::<u16>().ok());
    let Some(port) = number(1) else {
        eprintln!("usage: trivial_service PORT [DELAY_MS]");
        std::process::exit(2);
    };
    std::thread::sleep(Duration::from_millis(number(2).unwrap_or(0).into()));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port was chosen because it is free");
    println!("listening on {port}");
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let mut request = [0; 1024];
        let count = stream.read(&mut request).unwrap_or(0);
        let line = String::from_utf8_lossy(&request[..count]);
        println!("{}", line.lines().next().unwrap_or_default());
        // Whoever asked and went away needs no answer.
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nok\n");
    }
}
