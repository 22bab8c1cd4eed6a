package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestLossCausesOfRealListeners lets each request meet a target that fails in one way.
func TestLossCausesOfRealListeners(t *testing.T) {
	answer := func(text string) func(t *testing.T) string {
		return func(t *testing.T) string {
			return rawServer(t, func(_ int64, conn *net.TCPConn, requests *bufio.Reader) {
				readRequest(requests)
				io.WriteString(conn, text)
			})
		}
	}
	status := func(code int) func(t *testing.T) string {
		return answer(fmt.Sprintf("HTTP/1.1 %d Test\r\nContent-Length: 0\r\n\r\n", code))
	}
	cases := []struct {
		name    string
		url     func(t *testing.T) string
		cause   Cause
		example string // part of the error text
	}{
		{"nothing listens", closedPort, CauseRefused, "connection refused"},
		{"reset instead of an answer", func(t *testing.T) string {
			return rawServer(t, func(_ int64, conn *net.TCPConn, requests *bufio.Reader) {
				readRequest(requests)
				conn.SetLinger(0)
			})
		}, CauseReset, "connection reset by peer"},
		{"closed without an answer", answer(""), CauseEOF, "EOF"},
		{"closed within the headers", answer("HTTP/1.1 200 OK\r\nContent-Le"), CauseEOF, "EOF"},
		{"closed within the body", answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), CauseEOF, "EOF"},
		{"closed within the chunks", answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"), CauseEOF, "EOF"},
		{"never answers", hanging(""), CauseTimeout, "i/o timeout"},
		{"body never ends", hanging("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), CauseTimeout, "i/o timeout"},
		{"not HTTP", answer("SSH-2.0-OpenSSH_9.2\r\n\r\n"), CauseMalformed, "malformed HTTP"},
		{"name that cannot exist", func(*testing.T) string { return "http://no..host/" }, CauseDNS, "no such host"},
		{"certificate not trusted", func(t *testing.T) string {
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			server.Config.ErrorLog = discardLog
			server.StartTLS()
			t.Cleanup(server.Close)
			return server.URL
		}, CauseTLS, "certificate"},
		{"https to a plain port", func(t *testing.T) string {
			return strings.Replace(answer("HTTP/1.1 400 Bad Request\r\n\r\n")(t), "http:", "https:", 1)
		}, CauseTLS, "does not look like a TLS handshake"},
		{"status 404", status(404), CauseStatus4xx, "answered with status 404"},
		{"status 503", status(503), CauseStatus5xx, "answered with status 503"},
		{"status 101", status(101), CauseStatusOther, "answered with status 101"},
	}
	for _, c := range cases {
		for _, keepAlive := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, keepAlive=%v", c.name, keepAlive), func(t *testing.T) {
				t.Parallel()
				before := time.Now().UTC()
				r := measure(t, Options{URL: c.url(t), Rate: 100, Requests: 3, KeepAlive: keepAlive, Timeout: 2 * time.Second})
				loss := wantLost(t, r, c.cause, 3)
				if !strings.Contains(loss.Example, c.example) {
					t.Errorf("example %q does not contain %q", loss.Example, c.example)
				}
				if loss.FirstAt.Before(before) || !loss.LastAt.After(loss.FirstAt) {
					t.Errorf("times of the loss: first %v, last %v, test began %v", loss.FirstAt, loss.LastAt, before)
				}
			})
		}
	}
}

// TestLossCausesOfTheDialer covers what loopback cannot produce.
func TestLossCausesOfTheDialer(t *testing.T) {
	cases := []struct {
		name  string
		err   error // nil: wait for the deadline
		cause Cause
	}{
		{"packets vanish", nil, CauseConnectTimeout},
		{"kernel gives up", syscall.ETIMEDOUT, CauseConnectTimeout},
		{"host unreachable", syscall.EHOSTUNREACH, CauseNoRoute},
		{"network unreachable", syscall.ENETUNREACH, CauseNoRoute},
		{"no local port left", syscall.EADDRNOTAVAIL, CauseLocal},
		{"no file left", syscall.EMFILE, CauseLocal},
		{"name server is silent", &net.DNSError{Err: "i/o timeout", Name: "shop", IsTimeout: true}, CauseDNS},
		{"unknown", errors.New("the tunnel is gone"), CauseOther},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dial := func(ctx context.Context, network, address string) (net.Conn, error) {
				if c.err == nil {
					<-ctx.Done()
					return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
				}
				return nil, &net.OpError{Op: "dial", Net: network, Err: c.err}
			}
			r := measure(t, Options{URL: "http://127.0.0.1:1", DialContext: dial, Rate: 100, Requests: 2, Timeout: 50 * time.Millisecond})
			wantLost(t, r, c.cause, 2)
		})
	}
}

func TestAcceptDecidesWhatIsLost(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) })
	wantNoLoss(t, measure(t, Options{URL: server.URL, Rate: 100, Requests: 2}), 2)
	only200 := func(status int) bool { return status == 200 }
	wantLost(t, measure(t, Options{URL: server.URL, Rate: 100, Requests: 2, Accept: only200}), CauseStatusOther, 2)
}

func closedPort(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	return "http://" + listener.Addr().String()
}

// hanging sends a text and then nothing more, until the client goes away.
func hanging(text string) func(t *testing.T) string {
	return func(t *testing.T) string {
		return rawServer(t, func(_ int64, conn *net.TCPConn, requests *bufio.Reader) {
			readRequest(requests)
			io.WriteString(conn, text)
			readRequest(requests)
		})
	}
}
