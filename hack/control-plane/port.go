package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// reservePort binds a free port of 127.0.0.1 and keeps it bound until the
// process ends. The socket never listens, so it takes no connections; a server
// that binds with SO_REUSEPORT as the same user can listen on the port, and
// nobody else can take it before.
func reservePort() (int, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0, fmt.Errorf("reserve a port: %w", err)
	}
	unix.CloseOnExec(socket)
	if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return 0, fmt.Errorf("reserve a port: %w", err)
	}
	if err := unix.Bind(socket, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, fmt.Errorf("reserve a port: %w", err)
	}
	name, err := unix.Getsockname(socket)
	if err != nil {
		return 0, fmt.Errorf("reserve a port: %w", err)
	}
	return name.(*unix.SockaddrInet4).Port, nil
}
