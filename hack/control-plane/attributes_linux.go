package main

import "syscall"

// childAttributes makes a component die with this program, however it ends,
// and keeps an interrupt typed at a terminal from it: it is stopped in order.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
