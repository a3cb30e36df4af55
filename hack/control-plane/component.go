package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// stopTimeout is how long a component may take to stop before it is killed.
const stopTimeout = 10 * time.Second

// logTailLines is how much of a dead component's log is shown.
const logTailLines = 20

// component is one running program of the control plane.
type component struct {
	name    string
	log     string
	process *os.Process
	// done is closed after the program has ended.
	done chan struct{}
	// result says how it ended; valid once done is closed.
	result error
}

// executable finds a program of the control plane: in $KUBEBUILDER_ASSETS, else beside this one.
func executable(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find %s: %w", name, err)
	}
	candidates := []string{filepath.Join(filepath.Dir(self), name)}
	if assets := os.Getenv("KUBEBUILDER_ASSETS"); assets != "" {
		candidates = append([]string{filepath.Join(assets, name)}, candidates...)
	}
	for _, path := range candidates {
		if _, err := exec.LookPath(path); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", fmt.Errorf("there is no %s at %s: run hack/control-plane/build", name, strings.Join(candidates, ", nor at "))
}

// start runs the named program in dir, with its output in dir/NAME.log.
// The thread that calls it must live as long as this program.
func start(dir, name string, args ...string) (*component, error) {
	path, err := executable(name)
	if err != nil {
		return nil, err
	}
	c := &component{name: name, log: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	log, err := os.Create(c.log)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer log.Close()

	command := exec.Command(path, args...)
	command.Dir = dir
	// Nothing of the caller's: etcd takes options from variables, kwok from the home folder.
	command.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	command.Stdout = log
	command.Stderr = log
	command.SysProcAttr = childAttributes()
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c.process = command.Process
	go func() {
		c.result = command.Wait()
		close(c.done)
	}()
	return c, nil
}

// stop ends the components together and returns when all are gone.
func stop(components ...*component) {
	for _, c := range components {
		// An error means that it has ended already.
		_ = c.process.Signal(syscall.SIGTERM)
	}
	kill := time.NewTimer(stopTimeout)
	defer kill.Stop()
	for _, c := range components {
		select {
		case <-c.done:
			continue
		case <-kill.C:
			kill.Reset(0)
		}
		_ = c.process.Kill()
		<-c.done
	}
}

// death is the error for a component that ended by itself.
func (c *component) death() error {
	how := "exit status 0"
	if c.result != nil {
		how = c.result.Error()
	}
	return fmt.Errorf("%s ended by itself (%s); the end of %s:\n%s", c.name, how, c.log, c.logTail())
}

func (c *component) logTail() string {
	text, err := os.ReadFile(c.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-logTailLines):], "\n")
}

// lock makes dir this process's own for as long as the returned file is open.
func lock(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s is in use by another control plane: choose another --dir", dir)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return file, nil
}
