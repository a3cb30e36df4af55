// Control-plane is a Kubernetes control plane in one program, for demos and tests.
//
// Its first argument, or the name by which it is called, picks a component:
// etcd, kube-apiserver, kube-controller-manager, kube-scheduler or kubectl.
// `control-plane up` runs these together, with kwok in the place of machines.
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// commands holds what this program can be. Each function finds its own name
// in os.Args[0] and its arguments behind it; the result is the exit code.
var commands = map[string]func() int{"up": up}

func main() {
	if _, ok := commands[filepath.Base(os.Args[0])]; !ok {
		os.Args = os.Args[1:]
	}
	if len(os.Args) > 0 {
		if command, ok := commands[filepath.Base(os.Args[0])]; ok {
			os.Exit(command())
		}
	}
	names := slices.Sorted(maps.Keys(commands))
	fmt.Fprintf(os.Stderr, "usage: control-plane %s [argument ...]\n", strings.Join(names, "|"))
	os.Exit(2)
}
