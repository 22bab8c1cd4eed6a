package load

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"testing"
)

// TestFallbackToAnotherAddressIsReported resolves a name to 127.0.0.2, where nothing listens,
// and 127.0.0.1, as the name of a headless Service with one broken pod would.
func TestFallbackToAnotherAddressIsReported(t *testing.T) {
	system := net.DefaultResolver
	defer func() { net.DefaultResolver = system }()
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go answerNames(server, [][]byte{{127, 0, 0, 2}, {127, 0, 0, 1}})
		return client, nil
	}}
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {})
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	r := measure(t, Options{URL: "http://shop.test.:" + port, Rate: 100, Requests: 3})
	wantNoLoss(t, r, 3)
	if r.AddressFallbacks != 3 {
		t.Errorf("%d fallbacks, want 3", r.AddressFallbacks)
	}
}

// answerNames answers DNS queries over a stream (RFC 1035, 4.1 and 4.2.2): A queries with the
// addresses, all others with nothing.
func answerNames(conn net.Conn, addresses [][]byte) {
	defer conn.Close()
	for {
		var length [2]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(length[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		name := 12
		for query[name] != 0 {
			name += int(query[name]) + 1
		}
		question := query[12 : name+5]
		isA := question[len(question)-3] == 1
		answer := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
		for _, address := range addresses {
			if isA {
				answer[7]++
				answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
				answer = append(answer, address...)
			}
		}
		conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
	}
}
