package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// startTimeout is how long the cluster may take to become ready.
	startTimeout = 2 * time.Minute
	// pollInterval is the time between two looks at something awaited.
	pollInterval = 50 * time.Millisecond
)

//go:embed audit-policy.yaml
var auditPolicy []byte

// errStopped is the cause of an end that was asked for.
var errStopped = errors.New("asked to stop")

// parts are what --without can leave out.
var parts = []string{"kwok", "controllers", "scheduler"}

// options are the arguments of `up`.
type options struct {
	dir       string
	nodes     int
	without   []string
	stages    []string
	stdinEOF  bool
	ephemeral bool
}

func (o *options) with(part string) bool { return !slices.Contains(o.without, part) }

// summary is what `up` prints once the cluster is ready.
type summary struct {
	Kubeconfig string `json:"kubeconfig"`
	Server     string `json:"server"`
	AuditLog   string `json:"auditLog"`
	// Kubectl is the path of a kubectl, empty where none was built or found.
	Kubectl string `json:"kubectl"`
}

// up is the command of that name.
func up() int {
	// The kernel ends the components when the thread that started them is gone
	// (see childAttributes). Locked, this one lives as long as the process.
	runtime.LockOSThread()
	o, err := parseOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "control-plane up:", err)
		return 2
	}
	if err := run(o); err != nil && !errors.Is(err, errStopped) {
		fmt.Fprintln(os.Stderr, "control-plane up:", err)
		return 1
	}
	return 0
}

func parseOptions(arguments []string) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.dir, "dir", "", "`folder` for the cluster's data, logs and kubeconfig (required)")
	flags.IntVar(&o.nodes, "nodes", 2, "`number` of nodes")
	flags.Func("without", "`part` to leave out: "+strings.Join(parts, ", ")+"; repeatable", func(part string) error {
		if !slices.Contains(parts, part) {
			return fmt.Errorf("must be one of %s", strings.Join(parts, ", "))
		}
		o.without = append(o.without, part)
		return nil
	})
	flags.Func("kwok-stages", "`file or folder` with kwok stages of your own; repeatable", func(path string) error {
		path, err := filepath.Abs(path)
		o.stages = append(o.stages, path)
		return err
	})
	flags.BoolVar(&o.stdinEOF, "stdin-eof", false, "stop when standard input ends")
	flags.BoolVar(&o.ephemeral, "ephemeral", false, "remove the folder at the end; it must be new or empty")

	err := flags.Parse(arguments)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(os.Stdout)
		flags.Usage()
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.dir == "":
		err = errors.New("--dir is required")
	case o.nodes < 0:
		err = errors.New("--nodes must not be negative")
	default:
		o.dir, err = filepath.Abs(o.dir)
	}
	return o, err
}

// run starts a cluster, says so on standard output, and stays until it is
// asked to stop or a component dies. Nothing is left running when it returns.
func run(o *options) (err error) {
	ctx, end := context.WithCancelCause(context.Background())
	defer end(nil)
	endOnRequest(o, end)

	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	if o.ephemeral {
		entries, err := os.ReadDir(o.dir)
		if err != nil {
			return err
		}
		if len(entries) > 0 {
			return fmt.Errorf("%s is not empty: --ephemeral removes the folder, so it must be new", o.dir)
		}
	}
	held, err := lock(o.dir)
	if err != nil {
		return err
	}
	defer held.Close()
	if o.ephemeral {
		// Runs after the components have stopped.
		defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	}

	c := &cluster{options: o, end: end}
	defer c.stop()
	if err := c.start(ctx); err != nil {
		if ctx.Err() != nil {
			// What failed did so since the start was broken off.
			return context.Cause(ctx)
		}
		return err
	}
	kubectl, err := executable("kubectl")
	if err != nil {
		kubectl = ""
	}
	line, err := json.Marshal(summary{
		Kubeconfig: filepath.Join(o.dir, kubeconfigName("admin")),
		Server:     c.client.server,
		AuditLog:   filepath.Join(o.dir, "audit.log"),
		Kubectl:    kubectl,
	})
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	<-ctx.Done()
	return context.Cause(ctx)
}

// endOnRequest calls end with errStopped on a signal and, if so asked, at the end of standard input.
func endOnRequest(o *options, end context.CancelCauseFunc) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		end(errStopped)
	}()
	if o.stdinEOF {
		go func() {
			// An unreadable input has ended, too.
			_, _ = io.Copy(io.Discard, os.Stdin)
			end(errStopped)
		}()
	}
}

// cluster is a control plane that runs, or is being started or stopped.
type cluster struct {
	*options
	// end is called with the reason when a component dies.
	end    context.CancelCauseFunc
	client *client
	// storage, server and clients are the running components. They are stopped in the opposite order.
	storage, server, clients []*component
}

// start returns when pods would be scheduled and run, or with the cause of ctx's end.
func (c *cluster) start(ctx context.Context) error {
	port, err := reservePort()
	if err != nil {
		return err
	}
	c.client, err = writeCredentials(c.dir, fmt.Sprintf("https://127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.dir, "audit-policy.yaml"), auditPolicy, 0o600); err != nil {
		return err
	}
	if err := c.run(&c.storage, "etcd", etcdArguments()...); err != nil {
		return err
	}
	if err := c.run(&c.server, "kube-apiserver", c.apiserverArguments(port)...); err != nil {
		return err
	}
	if err := c.await(ctx, "kube-apiserver", func() error { return c.client.get(ctx, "/livez/ping", nil) }); err != nil {
		return err
	}
	if c.with("controllers") {
		if err := c.run(&c.clients, "kube-controller-manager", controllerManagerArguments()...); err != nil {
			return err
		}
	}
	if c.with("scheduler") {
		if err := c.run(&c.clients, "kube-scheduler", schedulerArguments()...); err != nil {
			return err
		}
	}
	if c.with("kwok") {
		arguments, err := c.kwokArguments()
		if err != nil {
			return err
		}
		if err := c.run(&c.clients, "kwok", arguments...); err != nil {
			return err
		}
	}
	return c.awaitReady(ctx)
}

// run starts a component and adds it to running.
func (c *cluster) run(running *[]*component, name string, arguments ...string) error {
	started, err := start(c.dir, name, arguments...)
	if err != nil {
		return err
	}
	*running = append(*running, started)
	go func() {
		<-started.done
		c.end(started.death())
	}()
	return nil
}

// stop ends the components, those first that need the others.
func (c *cluster) stop() {
	// From here on an end is no accident.
	c.end(errStopped)
	stop(c.clients...)
	stop(c.server...)
	stop(c.storage...)
}

// awaitReady makes the nodes and returns when the cluster works.
func (c *cluster) awaitReady(ctx context.Context) error {
	if err := c.await(ctx, "kube-apiserver", func() error { return c.client.get(ctx, "/readyz", nil) }); err != nil {
		return err
	}
	if c.with("kwok") {
		for n := range c.nodes {
			if err := c.client.create(ctx, "/api/v1/nodes", node(n+1)); err != nil {
				return err
			}
		}
		if err := c.await(ctx, "kwok", func() error { return c.nodesReady(ctx) }); err != nil {
			return err
		}
	}
	if c.with("controllers") {
		// Without it pods are refused, and their controllers wait before they try again.
		return c.await(ctx, "kube-controller-manager", func() error {
			return c.client.get(ctx, "/api/v1/namespaces/default/serviceaccounts/default", nil)
		})
	}
	return nil
}

// await repeats check until it succeeds. The error is the cause of ctx's end,
// or, after startTimeout, what was wrong last and the log of the component to blame.
func (c *cluster) await(ctx context.Context, blame string, check func() error) error {
	deadline := time.After(startTimeout)
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := check()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-deadline:
			for _, running := range slices.Concat(c.storage, c.server, c.clients) {
				if running.name == blame {
					err = fmt.Errorf("%w; the end of %s:\n%s", err, running.log, running.logTail())
				}
			}
			return fmt.Errorf("not ready after %s: %w", startTimeout, err)
		case <-ticker.C:
		}
	}
}

// nodesReady returns an error while a node would get no pods.
func (c *cluster) nodesReady(ctx context.Context) error {
	var list struct {
		Items []struct {
			Metadata struct{ Name string }
			Spec     struct{ Taints []struct{ Key string } }
			Status   struct {
				Conditions []struct{ Type, Status string }
			}
		}
	}
	if err := c.client.get(ctx, "/api/v1/nodes", &list); err != nil {
		return err
	}
	if len(list.Items) < c.nodes {
		return fmt.Errorf("%d of %d nodes exist", len(list.Items), c.nodes)
	}
	for _, node := range list.Items {
		ready := false
		for _, condition := range node.Status.Conditions {
			ready = ready || condition.Type == "Ready" && condition.Status == "True"
		}
		if !ready {
			return fmt.Errorf("node %s is not ready", node.Metadata.Name)
		}
		// The API server taints new nodes; a controller takes the taint off.
		if c.with("controllers") && len(node.Spec.Taints) > 0 {
			return fmt.Errorf("node %s has the taint %s", node.Metadata.Name, node.Spec.Taints[0].Key)
		}
	}
	return nil
}

// node is a Node object that is large enough for any test.
func node(number int) any {
	name := fmt.Sprintf("node-%d", number)
	resources := map[string]string{"cpu": "64", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "10000"}
	return map[string]any{
		"apiVersion": "v1",
		"kind":       "Node",
		"metadata": map[string]any{
			"name": name,
			"labels": map[string]string{
				"kubernetes.io/hostname": name,
				"kubernetes.io/os":       "linux",
				"kubernetes.io/arch":     "amd64",
			},
		},
		"status": map[string]any{"capacity": resources, "allocatable": resources},
	}
}

// All components run in the cluster's folder, so file names are relative to it.

// etcdArguments make etcd listen on sockets: these need no port, and their
// relative names fit into the short paths that sockets may have.
func etcdArguments() []string {
	return []string{
		"--data-dir=etcd",
		"--listen-client-urls=unix://etcd.sock",
		"--listen-peer-urls=unix://etcd-peer.sock",
		// The default. It must be given, but in a cluster of one nobody asks for it.
		"--advertise-client-urls=http://localhost:2379",
		// The data need not survive the machine.
		"--unsafe-no-fsync",
		"--log-level=warn",
	}
}

func (c *cluster) apiserverArguments(port int) []string {
	arguments := []string{
		"--etcd-servers=unix://etcd.sock",
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		// Takes over the reserved port.
		"--permit-port-sharing=true",
		"--tls-cert-file=apiserver.crt",
		"--tls-private-key-file=apiserver.key",
		"--token-auth-file=tokens.csv",
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=service-account.key",
		"--service-account-signing-key-file=service-account.key",
		"--service-cluster-ip-range=10.0.0.0/16",
		"--allow-privileged=true",
		"--audit-policy-file=audit-policy.yaml",
		"--audit-log-path=audit.log",
		// No endpoints of the service "kubernetes": a loopback address is not allowed there.
		"--endpoint-reconciler-type=none",
		// Not needed here, and costs start time.
		"--enable-priority-and-fairness=false",
		"--profiling=false",
	}
	if !c.with("controllers") {
		// Nobody makes the service accounts that this plugin demands of a pod.
		arguments = append(arguments, "--disable-admission-plugins=ServiceAccount")
	}
	return arguments
}

func controllerManagerArguments() []string {
	return []string{
		"--kubeconfig=" + kubeconfigName("kube-controller-manager"),
		"--service-account-private-key-file=service-account.key",
		"--root-ca-file=ca.crt",
		"--leader-elect=false",
		"--secure-port=0",
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
	}
}

func schedulerArguments() []string {
	return []string{
		"--kubeconfig=" + kubeconfigName("kube-scheduler"),
		"--leader-elect=false",
		"--secure-port=0",
	}
}

func (c *cluster) kwokArguments() ([]string, error) {
	arguments := []string{
		"--kubeconfig=" + kubeconfigName("kwok"),
		"--manage-all-nodes=true",
		// Its stages leave the heartbeat to leases, and those are off by default: after a minute or two all
		// nodes would be lost, and their pods not ready for good.
		"--node-lease-duration-seconds=40",
		"--server-address=",
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the stages of kwok: %w", err)
	}
	for _, path := range append([]string{filepath.Join(filepath.Dir(self), "stages")}, c.stages...) {
		files, err := stageFiles(path)
		if err != nil {
			return nil, fmt.Errorf("find the stages of kwok: %w", err)
		}
		for _, file := range files {
			arguments = append(arguments, "--config="+file)
		}
	}
	return arguments, nil
}

// stageFiles are the YAML files at or below path.
func stageFiles(path string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && (file == path || filepath.Ext(file) == ".yaml" || filepath.Ext(file) == ".yml") {
			files = append(files, file)
		}
		return err
	})
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s holds no YAML file", path)
	}
	return files, err
}
