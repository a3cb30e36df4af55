//go:build !linux

package main

import "syscall"

// childAttributes keeps an interrupt typed at a terminal from a component: it is stopped in order.
// Outside Linux a component outlives this program where that is killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
