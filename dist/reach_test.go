package dist

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// listening is a program at a free port that does something with each connection.
func listening(t *testing.T, port string, f func(net.Conn)) Launch {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			way, err := listener.Accept()
			if err != nil {
				return
			}
			f(way)
		}
	}()
	l := launched(1, 2)
	l.Host, l.Port = "127.0.0.1", listener.Addr().(*net.TCPAddr).Port
	return l
}

// A store waits for what it is asked. Programs that do not are told apart.
func TestReach(t *testing.T) {
	t.Parallel()
	if err := Reach(t.Context(), listening(t, "0", func(net.Conn) {}), time.Minute, nil); err != nil {
		t.Error(err)
	}
	ssh := listening(t, "0", func(way net.Conn) { _, _ = io.WriteString(way, "SSH-2.0\n") })
	err := Reach(t.Context(), ssh, time.Minute, nil)
	var occupied *Occupied
	if want := "the program that listens at " + ssh.Address() + ` is not the store of a training: it says "SSH-2.0\n": give another port`; !errors.As(err, &occupied) || err.Error() != want {
		t.Errorf("a program that speaks first: got %v, want %s", err, want)
	}
	proxy := listening(t, "0", func(way net.Conn) { way.Close() })
	if err := Reach(t.Context(), proxy, 300*time.Millisecond, nil); err == nil ||
		!strings.Contains(err.Error(), "(what listens there closes the connection)") {
		t.Errorf("a program that closes connections: got %v", err)
	}
}

// Rank 0 may come late. If it does not come, the sentence says where it was looked for.
func TestReachWaits(t *testing.T) {
	t.Parallel()
	l := listening(t, "0", func(net.Conn) {})
	nobody := launched(1, 2)
	nobody.Host = "127.0.0.1"
	var err error
	if nobody.Port, err = freePort(); err != nil {
		t.Fatal(err)
	}
	err = Reach(t.Context(), nobody, 200*time.Millisecond, nil)
	if want := "rank 0 could not be reached at " + nobody.Address() + " for 0 s (connect: connection refused): start it, "; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("nobody: got %v, want %s", err, want)
	}
	nobody.Agent, nobody.Source = true, torchrun
	if err = Reach(t.Context(), nobody, 0, nil); err == nil || !strings.HasPrefix(err.Error(), "the agent of torchrun could not be reached") {
		t.Errorf("no agent: got %v", err)
	}
	l.Port, err = freePort()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Address())
	time.AfterFunc(200*time.Millisecond, func() { listening(t, port, func(net.Conn) {}) })
	if err := Reach(t.Context(), l, time.Minute, nil); err != nil {
		t.Errorf("rank 0 came late: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped by a signal")
	time.AfterFunc(50*time.Millisecond, func() { cancel(stopped) })
	if err := Reach(ctx, nobody, time.Minute, nil); !errors.Is(err, stopped) {
		t.Errorf("a signal: got %v", err)
	}
}

// A name that has no address is told at once, and named in the end, by rank 0 too.
func TestUnknownName(t *testing.T) {
	t.Parallel()
	for rank := range 2 {
		l := launched(rank, 2)
		l.Host = "node0.invalid"
		var notes []string
		err := Reach(t.Context(), l, 300*time.Millisecond, func(s string) { notes = append(notes, s) })
		if err == nil || !strings.HasPrefix(err.Error(), "the name node0.invalid of the machine of rank 0 had no address here for ") ||
			!strings.Contains(err.Error(), "/etc/hosts") {
			t.Errorf("got %v", err)
		}
		if len(notes) != 1 || !strings.HasPrefix(notes[0], "the name node0.invalid of the machine of rank 0 has no address here yet (lookup node0.invalid") {
			t.Errorf("notes %q", notes)
		}
	}
}
