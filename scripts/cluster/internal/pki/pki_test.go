package pki

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestIssue(t *testing.T) {
	dir := t.TempDir()
	ca, err := NewAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	data, err := os.ReadFile(filepath.Join(dir, "ca.crt"))
	if err != nil || !pool.AppendCertsFromPEM(data) {
		t.Fatalf("ca.crt holds no certificate: %v", err)
	}
	for _, tc := range []struct {
		name    string
		subject Subject
		dnsName string
		usages  []x509.ExtKeyUsage
	}{
		{"user", Subject{CommonName: "system:kube-proxy"}, "", []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
		{"node", Subject{CommonName: "system:node:node1", Organization: []string{"system:nodes"}, IPs: []string{"10.200.1.2"}, Names: []string{"node1"}},
			"10.200.1.2", []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := ca.Issue(tc.name, tc.subject); err != nil {
				t.Fatal(err)
			}
			pair, err := tls.LoadX509KeyPair(filepath.Join(dir, tc.name+".crt"), filepath.Join(dir, tc.name+".key"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: tc.dnsName, KeyUsages: tc.usages}); err != nil {
				t.Errorf("the certificate does not verify: %v", err)
			}
			if got := pair.Leaf.Subject; got.CommonName != tc.subject.CommonName || !slices.Equal(got.Organization, tc.subject.Organization) {
				t.Errorf("subject is %v, want %+v", got, tc.subject)
			}
			if !slices.Equal(pair.Leaf.ExtKeyUsage, tc.usages) {
				t.Errorf("usages are %v, want %v", pair.Leaf.ExtKeyUsage, tc.usages)
			}
		})
	}
	info, err := os.Stat(filepath.Join(dir, "ca.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("ca.key has mode %v (%v), want 0600", info.Mode(), err)
	}
}
