// Kstatus says what kstatus itself computes, for the tests that compare.
//
//	kstatus compute         reads a JSON document a line, writes a line of JSON with the answer to each
//	kstatus examples DIR    writes the Kubernetes objects in the Go files of DIR, one a line
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/yaml"
)

// answer has a status and a message, or else says why there is none.
type answer struct {
	Status  status.Status `json:"status,omitempty"`
	Message *string       `json:"message,omitempty"`
	Error   string        `json:"error,omitempty"`
	Panic   string        `json:"panic,omitempty"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "kstatus:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) == 1 && arguments[0] == "compute":
		return computeLines(os.Stdin, os.Stdout)
	case len(arguments) == 2 && arguments[0] == "examples":
		return examples(arguments[1], os.Stdout)
	default:
		return errors.New("usage: kstatus compute | kstatus examples DIR")
	}
}

func computeLines(in io.Reader, out io.Writer) error {
	reader := bufio.NewReaderSize(in, 1<<16)
	writer := bufio.NewWriterSize(out, 1<<16)
	encoder := json.NewEncoder(writer)
	encoder.SetEscapeHTML(false)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return writer.Flush()
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err := encoder.Encode(compute(line)); err != nil {
			return err
		}
		// Whoever asks one question waits for its answer; whoever asks many need not.
		if reader.Buffered() == 0 {
			if err := writer.Flush(); err != nil {
				return err
			}
		}
	}
}

func compute(document []byte) (result answer) {
	defer func() {
		if reason := recover(); reason != nil {
			result = answer{Panic: fmt.Sprint(reason)}
		}
	}()
	// Not Unstructured.UnmarshalJSON, which takes numbers for the same but refuses an object without kind.
	var content map[string]any
	if err := utiljson.Unmarshal(document, &content); err != nil {
		return answer{Error: err.Error()}
	}
	computed, err := status.Compute(&unstructured.Unstructured{Object: content})
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Status: computed.Status, Message: &computed.Message}
}

func examples(folder string, out io.Writer) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return err
	}
	for _, file := range files {
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(syntax, func(node ast.Node) bool {
			literal, ok := node.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			if text, unquoteErr := strconv.Unquote(literal.Value); unquoteErr == nil {
				err = errors.Join(err, writeObject(text, out))
			}
			return true
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// writeObject writes text as JSON if it is the YAML of a Kubernetes object.
func writeObject(text string, out io.Writer) error {
	document, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return nil
	}
	var object struct{ APIVersion, Kind string }
	if json.Unmarshal(document, &object) != nil || object.APIVersion == "" || object.Kind == "" {
		return nil
	}
	_, err = fmt.Fprintf(out, "%s\n", document)
	return err
}
