package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// users are the accounts of the cluster: the administrator's and one for each
// component that writes, so that the audit log tells who did what.
var users = []string{"admin", "kube-controller-manager", "kube-scheduler", "kwok"}

// authority is a certificate authority of one control plane.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := certificateTemplate("control-plane-ca")
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &authority{certificate, key, encodePEM("CERTIFICATE", der)}, nil
}

// issue makes the API server's certificate and key, as PEM.
func (a *authority) issue() (certificate, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := certificateTemplate("kube-apiserver")
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	template.DNSNames = []string{"localhost", "kubernetes.default.svc"}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, private.Public(), a.key)
	if err != nil {
		return nil, nil, err
	}
	key, err = encodeKey(private)
	return encodePEM("CERTIFICATE", der), key, err
}

func certificateTemplate(name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Minute),
		NotAfter:     now.AddDate(1, 0, 0),
	}
}

// encodeKey writes SEC 1: where Kubernetes looks for a public key in a private one, it reads no PKCS 8.
func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return encodePEM("EC PRIVATE KEY", der), nil
}

func encodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// writeCredentials puts into dir what the components and the users need to
// know each other, and returns a client for the administrator. All is new at
// each start but the key that signs service account tokens: those in the
// cluster's secrets stay valid.
func writeCredentials(dir, server string) (*client, error) {
	ca, err := newAuthority()
	if err != nil {
		return nil, fmt.Errorf("make a certificate authority: %w", err)
	}
	certificate, key, err := ca.issue()
	if err != nil {
		return nil, fmt.Errorf("make the API server's certificate: %w", err)
	}
	files := map[string][]byte{"ca.crt": ca.pem, "apiserver.crt": certificate, "apiserver.key": key}

	if _, err := os.Stat(filepath.Join(dir, "service-account.key")); errors.Is(err, os.ErrNotExist) {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("make the service account key: %w", err)
		}
		if files["service-account.key"], err = encodeKey(private); err != nil {
			return nil, fmt.Errorf("make the service account key: %w", err)
		}
	}

	tokens := map[string]string{}
	var lines strings.Builder
	for _, user := range users {
		tokens[user] = rand.Text()
		fmt.Fprintf(&lines, "%s,%s,%s,system:masters\n", tokens[user], user, user)
		files[kubeconfigName(user)] = kubeconfig(server, user, tokens[user], ca.pem)
	}
	files["tokens.csv"] = []byte(lines.String())

	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, err
		}
	}
	return newClient(server, tokens["admin"], ca.certificate), nil
}

// kubeconfigName is the file with a user's kubeconfig.
func kubeconfigName(user string) string {
	if user == "admin" {
		return "kubeconfig"
	}
	return user + ".kubeconfig"
}

func kubeconfig(server, user, token string, ca []byte) []byte {
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: control-plane
contexts:
- name: control-plane
  context:
    cluster: control-plane
    user: %[2]s
clusters:
- name: control-plane
  cluster:
    server: %[1]s
    certificate-authority-data: %[4]s
users:
- name: %[2]s
  user:
    token: %[3]s
`, server, user, token, base64.StdEncoding.EncodeToString(ca))
}
