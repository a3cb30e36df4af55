package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// client asks the API server the few things that `up` needs, without the
// packages of Kubernetes: where its components come from elsewhere, this
// program is built in seconds.
type client struct {
	server string
	token  string
	http   http.Client
}

func newClient(server, token string, ca *x509.Certificate) *client {
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	return &client{
		server: server,
		token:  token,
		http: http.Client{
			Timeout:   10 * time.Second,
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
		},
	}
}

// get reads path into answer, if one is given. Any status but 2xx is an error.
func (c *client) get(ctx context.Context, path string, answer any) error {
	status, body, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if status/100 != 2 {
		return fmt.Errorf("GET %s: status %d: %s", path, status, body)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(body, answer); err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return nil
}

// create posts object to path. That it exists already is no error.
func (c *client) create(ctx context.Context, path string, object any) error {
	content, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("POST %s: %w", path, err)
	}
	status, body, err := c.do(ctx, http.MethodPost, path, content)
	if err != nil {
		return err
	}
	if status/100 != 2 && status != http.StatusConflict {
		return fmt.Errorf("POST %s: status %d: %s", path, status, body)
	}
	return nil
}

func (c *client) do(ctx context.Context, method, path string, content []byte) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, bytes.NewReader(content))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "control-plane")
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	return response.StatusCode, body, nil
}
