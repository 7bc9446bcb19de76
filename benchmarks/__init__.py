"""What the project claims about speed and memory, measured beside a peer: `make bench`."""
