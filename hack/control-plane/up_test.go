package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseOptions(t *testing.T) {
	for _, row := range []struct {
		name      string
		arguments string
		wrong     string // part of the error; none is expected where it is empty
	}{
		{"the folder is enough", "--dir d", ""},
		{"parts can be left out", "--dir d --without kwok --without scheduler", ""},
		{"no folder", "", "--dir is required"},
		{"unknown part", "--dir d --without etcd", "must be one of kwok, controllers, scheduler"},
		{"negative nodes", "--dir d --nodes -1", "--nodes must not be negative"},
		{"something over", "--dir d e", `unexpected argument "e"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			o, err := parseOptions(strings.Fields(row.arguments))
			switch {
			case row.wrong == "" && err != nil:
				t.Fatal(err)
			case row.wrong == "" && !filepath.IsAbs(o.dir):
				t.Errorf("the folder %s is relative", o.dir)
			case row.wrong != "" && (err == nil || !strings.Contains(err.Error(), row.wrong)):
				t.Errorf("got %v, want an error with %q", err, row.wrong)
			}
		})
	}
}

func TestReservedPortGoesToTheServerOnly(t *testing.T) {
	port, err := reservePort()
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)

	if other, err := net.Listen("tcp", address); err == nil {
		other.Close()
		t.Error("somebody else could take the port")
	}
	sharing := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if e := c.Control(func(socket uintptr) {
			err = unix.SetsockoptInt(int(socket), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		}); e != nil {
			return e
		}
		return err
	}}
	server, err := sharing.Listen(context.Background(), "tcp", address)
	if err != nil {
		t.Fatalf("the server can not take the port: %v", err)
	}
	server.Close()
}

func TestStageFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.yaml", "b.yml", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b.yml")}
	if got, err := stageFiles(dir); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if _, err := stageFiles(t.TempDir()); err == nil {
		t.Error("an empty folder is no error")
	}
}

func TestLockIsExclusive(t *testing.T) {
	dir := t.TempDir()
	held, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(dir); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v, want an error that says the folder is in use", err)
	}
	held.Close()
	again, err := lock(dir)
	if err != nil {
		t.Fatalf("a released lock is still held: %v", err)
	}
	again.Close()
}
