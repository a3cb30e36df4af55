//go:build !uponly

package main

import (
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

func init() {
	commands["etcd"] = func() int {
		etcdmain.Main(os.Args)
		return 0
	}
	commands["kube-apiserver"] = cobraCommand(apiserver.NewAPIServerCommand)
	commands["kube-controller-manager"] = cobraCommand(controllermanager.NewControllerManagerCommand)
	commands["kube-scheduler"] = cobraCommand(func() *cobra.Command { return scheduler.NewSchedulerCommand() })
	commands["kubectl"] = cobraCommand(cmd.NewDefaultKubectlCommand)
}

// cobraCommand makes the command only when it is asked for: making one costs time.
func cobraCommand(make func() *cobra.Command) func() int {
	return func() int { return cli.Run(make()) }
}
