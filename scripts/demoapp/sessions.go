package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

const sessionCookie = "session"

// maxSessions bounds what one pod remembers; any one is forgotten for a new one above it.
const maxSessions = 10000

// sessions counts the requests of each client.
type sessions interface {
	// next counts one request. It takes the cookie's value and returns the new one; known
	// is false if the cookie means nothing to this pod.
	next(cookie string) (value, id string, count int, known bool)
}

// newSessions returns nil for SESSIONS=off.
func newSessions(c config) sessions {
	switch c.sessions {
	case "memory":
		return &memorySessions{counts: map[string]int{}}
	case "shared":
		return sharedSessions{key: []byte(c.sessionKey)}
	}
	return nil
}

// continueSession counts the request, sets the cookie and the X-Session header (new,
// continued or lost), and returns the same for the text.
func continueSession(s sessions, w http.ResponseWriter, r *http.Request) string {
	state, sent := "new", ""
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		state, sent = "continued", cookie.Value
	}
	value, id, count, known := s.next(sent)
	if state == "continued" && !known {
		state = "lost"
	}
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: value, Path: "/", HttpOnly: true})
	w.Header().Set("X-Session", state)
	if state == "lost" {
		return fmt.Sprintf("session lost, new session=%s count=%d", id, count)
	}
	return fmt.Sprintf("session=%s count=%d %s", id, count, state)
}

func newSessionID() string {
	return rand.Text()[:12]
}

// memorySessions live and die with the pod.
type memorySessions struct {
	mu     sync.Mutex
	counts map[string]int
}

func (s *memorySessions) next(id string) (string, string, int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.counts[id]
	if !known {
		id = newSessionID()
		s.forgetOne()
	}
	s.counts[id]++
	return id, id, s.counts[id], known
}

func (s *memorySessions) forgetOne() {
	if len(s.counts) < maxSessions {
		return
	}
	for id := range s.counts {
		delete(s.counts, id)
		return
	}
}

// sharedSessions keep their state in the cookie, as `id.count.signature`. Requests of one
// client at the same time may count once.
type sharedSessions struct {
	key []byte
}

func (s sharedSessions) next(cookie string) (string, string, int, bool) {
	id, count, known := s.open(cookie)
	if !known {
		id, count = newSessionID(), 0
	}
	count++
	return s.seal(id, count), id, count, known
}

func (s sharedSessions) seal(id string, count int) string {
	state := id + "." + strconv.Itoa(count)
	return state + "." + s.sign(state)
}

func (s sharedSessions) open(cookie string) (id string, count int, ok bool) {
	end := strings.LastIndexByte(cookie, '.')
	if end < 0 || !hmac.Equal([]byte(cookie[end+1:]), []byte(s.sign(cookie[:end]))) {
		return "", 0, false
	}
	id, text, _ := strings.Cut(cookie[:end], ".")
	count, err := strconv.Atoi(text)
	return id, count, err == nil
}

func (s sharedSessions) sign(state string) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(state))
	return hex.EncodeToString(mac.Sum(nil))
}
