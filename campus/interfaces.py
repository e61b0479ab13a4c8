#!/usr/bin/env python3
"""Asks the services what their OpenAPI documents promise, with whatever schemathesis makes up.

    cargo build
    python3 -m venv venv && venv/bin/pip install schemathesis
    venv/bin/python interfaces.py lms commerce programs

Each service runs on an empty SQLite database, beside a learning management system that signs the tokens. Ends with 1 if a check of
schemathesis fails: an answer of 5xx, one that is not described, one that does not have the described form, input that should have been
refused, and all others that it has.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
# Where each service has its document.
DOCUMENTS = {"lms": "/openapi.json", "commerce": "/api/openapi.json", "programs": "/api/openapi.json"}
PASSWORD = "a password for this run alone"


class Service:
    """A service on a database of its own."""

    def __init__(self, name, programs, directory, environment):
        self.name = name
        self.program = programs / name
        self.environment = {
            "DATABASE_URL": f"sqlite://{directory}/{name}.db",
            "PORT": "0",
            "RATE_LIMIT": "off",
            "RATE_LIMITS": "off",
            **environment,
        }
        self.log = open(pathlib.Path(directory) / f"{name}.log", "w+b")
        self.run("migrate")
        self.process = None

    def run(self, *arguments, given=None):
        """Runs a command of the service's program."""
        done = subprocess.run(
            [self.program, *arguments], env=self.environment, input=given, capture_output=True, text=True
        )
        if done.returncode != 0:
            sys.exit(f"{self.name} {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def start(self):
        """Starts it, and gives its address when it says where it listens."""
        self.process = subprocess.Popen([self.program, "serve"], env=self.environment, stderr=subprocess.PIPE)
        for line in self.process.stderr:
            self.log.write(line)
            found = re.search(rb"listening on (http://\S+)", line)
            if found:
                # What else it says has to go somewhere, or it would wait for its pipe.
                subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=self.log)
                return found[1].decode()
        sys.exit(f"{self.name} does not start: {pathlib.Path(self.log.name).read_text()}")

    def stop(self):
        """Ends it."""
        if self.process:
            self.process.terminate()
            self.process.wait()


def token(lms):
    """A token of an administrator."""
    form = {
        "grant_type": "client_credentials",
        "client_id": "interfaces",
        "client_secret": CLIENT["secret"],
        "token_type": "jwt",
    }
    with urllib.request.urlopen(f"{lms}/oauth2/access_token", urllib.parse.urlencode(form).encode()) as answer:
        return json.load(answer)["access_token"]


CLIENT = {}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("services", nargs="+", choices=DOCUMENTS)
    parser.add_argument("--programs", default=HERE / "target/debug", type=pathlib.Path, help="where the programs are")
    parser.add_argument("--examples", default="20", help="how many requests of each kind")
    parser.add_argument("--seed", default="1", help="the same requests for the same number")
    options = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory() as directory:
        lms = Service("lms", options.programs, directory, {})
        lms.run("add-user", "--staff", "staff", "staff@example.com", given=PASSWORD)
        CLIENT["secret"] = lms.run("add-client", "interfaces", "staff").split()[-1]
        services = [lms]
        try:
            address = lms.start()
            environment = {
                "LMS_URL": address,
                "LMS_CLIENT_ID": "interfaces",
                "LMS_CLIENT_SECRET": CLIENT["secret"],
                "JWT_ISSUER": f"{address}/oauth2",
                "JWT_AUDIENCE": "campus",
                "JWT_KEYS": f"{address}/oauth2/jwks",
            }
            for name in options.services:
                url = address
                if name != "lms":
                    services.append(Service(name, options.programs, directory, environment))
                    url = services[-1].start()
                command = [
                    pathlib.Path(sys.executable).with_name("schemathesis"),
                    f"--config-file={HERE / 'schemathesis.toml'}",
                    "run",
                    url + DOCUMENTS[name],
                    "--checks=all",
                    f"--header=Authorization: JWT {token(address)}",
                    f"--max-examples={options.examples}",
                    f"--seed={options.seed}",
                    "--generation-deterministic",
                    "--no-color",
                ]
                print(f"== {name}", flush=True)
                if subprocess.run(command).returncode != 0:
                    failed.append(name)
        finally:
            for service in services:
                service.stop()
    if failed:
        sys.exit(f"not as described: {', '.join(failed)}")


if __name__ == "__main__":
    main()
