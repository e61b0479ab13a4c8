//! A TCP proxy that does to connections what networks do. The server behind it answers one request per connection.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What happens to a connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The server is said to be overloaded.
    Unavailable,
    /// It is closed before a request was read.
    Reset,
    /// So many bytes of the answer arrive.
    Cut(usize),
    /// No answer, for ever.
    Silence,
    /// The request is carried out, the answer gets lost.
    LostAnswer,
}

/// Every kind that is none of "nothing".
pub const ALL: [Fault; 6] =
    [Fault::Unavailable, Fault::Reset, Fault::Cut(20), Fault::Cut(2000), Fault::Silence, Fault::LostAnswer];

/// Takes its faults from a queue; afterwards the last one is repeated if `forever`, else there are none.
pub struct Proxy {
    pub address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    next: VecDeque<Fault>,
    forever: Option<Fault>,
}

impl Proxy {
    pub fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let plan = Arc::new(Mutex::new(Plan::default()));
        let of_thread = Arc::clone(&plan);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let fault = {
                    let mut plan = of_thread.lock().expect("no panic");
                    plan.next.pop_front().or(plan.forever).unwrap_or(Fault::None)
                };
                std::thread::spawn(move || {
                    // Whatever goes wrong here is one more fault.
                    let _ = carry(client, server, fault);
                });
            }
        });
        Self { address, plan }
    }

    /// The faults of the next connections.
    pub fn plan(&self, faults: impl IntoIterator<Item = Fault>) {
        *self.plan.lock().expect("no panic") = Plan { next: faults.into_iter().collect(), forever: None };
    }

    /// The fault of all connections from now on.
    pub fn forever(&self, fault: Fault) {
        *self.plan.lock().expect("no panic") = Plan { next: VecDeque::new(), forever: Some(fault) };
    }
}

fn carry(mut client: TcpStream, server: SocketAddr, fault: Fault) -> std::io::Result<()> {
    match fault {
        Fault::Reset => return Ok(()),
        Fault::Silence => {
            std::io::copy(&mut client, &mut std::io::sink())?;
            return Ok(());
        }
        Fault::Unavailable => {
            let mut head = [0; 64];
            let _ = client.read(&mut head)?;
            client.write_all(b"HTTP/1.1 503 Slow Down\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")?;
            client.shutdown(Shutdown::Write)?;
            std::io::copy(&mut client, &mut std::io::sink())?;
            return Ok(());
        }
        Fault::None | Fault::Cut(_) | Fault::LostAnswer => {}
    }
    let mut upstream = TcpStream::connect(server)?;
    let (mut from, mut to) = (client.try_clone()?, upstream.try_clone()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let limit = match fault {
        Fault::Cut(bytes) => bytes as u64,
        Fault::LostAnswer => 0,
        _ => u64::MAX,
    };
    std::io::copy(&mut (&mut upstream).take(limit), &mut client)?;
    if fault == Fault::LostAnswer {
        std::io::copy(&mut upstream, &mut std::io::sink())?;
    }
    client.shutdown(Shutdown::Both)
}
