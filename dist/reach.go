package dist

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"contralens/internal/humanize"
)

const (
	attempt = 5 * time.Second  // for one connection, and until the first note
	patient = 30 * time.Second // until the next one
)

// Reach returns when the place where the ranks meet accepts connections. Rank 0 may start later than
// this process, and a cluster that starts may not know its names yet, so it tries for limit. note, which
// may be nil, is told why it waits: of a name that is not known, at once. For rank 0 itself it returns when
// the name of the place has an address.
func Reach(ctx context.Context, l Launch, limit time.Duration, note func(string)) error {
	trying, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began, d := time.Now(), net.Dialer{Timeout: attempt}
	var noted time.Time
	var why error
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		err := l.touch(trying, d)
		var other *Occupied
		left := limit - time.Since(began)
		switch {
		case err == nil || errors.As(err, &other):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case left > 0 || why == nil: // the end of the limit says nothing about the place
			why = err
		}
		if left <= 0 {
			return l.unreached(why, limit)
		}
		due := unknown(why) != nil || time.Since(began) > attempt
		if !noted.IsZero() {
			due = time.Since(noted) > patient
		}
		if due && note != nil {
			note(l.waits(why, left))
			noted = time.Now()
		}
		select {
		case <-time.After(min(pause, left)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// touch connects to the place once. Rank 0, which opens it, only looks whether its name has an address.
func (l Launch) touch(ctx context.Context, d net.Dialer) error {
	if l.Serves() {
		_, err := net.DefaultResolver.LookupHost(ctx, l.Host)
		return err
	}
	way, err := d.DialContext(ctx, "tcp", l.Address())
	if err != nil {
		return err
	}
	return await(way)
}

// await closes a connection, and returns an error if the other side is no store: that speaks only
// when it is asked. Proxies accept and close connections for a program that does not listen yet.
func await(way net.Conn) error {
	defer way.Close()
	_ = way.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	said := make([]byte, 20)
	switch n, err := way.Read(said); {
	case n > 0:
		return &Occupied{fmt.Sprintf("the program that listens at %s is not the store of a training: it says %q: give "+
			"another port", way.RemoteAddr(), said[:n])}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	default:
		return errors.New("what listens there closes the connection")
	}
}

// keeper is who keeps the store, before the ranks have met.
func (l Launch) keeper() string {
	if l.Agent {
		return "the agent of " + l.Source
	}
	return "rank 0"
}

// waits says why this process waits.
func (l Launch) waits(err error, left time.Duration) string {
	if why := unknown(err); why != nil {
		return fmt.Sprintf("the name %s of the machine of %s has no address here yet (%v): trying for %s more", l.Host,
			l.keeper(), why, humanize.Duration(left))
	}
	return fmt.Sprintf("waiting for %s at %s (%v)", l.keeper(), l.Address(), refusal(err))
}

// unreached is the error of a place that could not be reached.
func (l Launch) unreached(err error, waited time.Duration) error {
	if why := unknown(err); why != nil {
		return fmt.Errorf("the name %s of the machine of %s had no address here for %s (%v): add it to the DNS or "+
			"/etc/hosts of this machine, or give the address of that machine instead", l.Host, l.keeper(),
			humanize.Duration(waited), why)
	}
	return fmt.Errorf("%s could not be reached at %s for %s (%v): start it, look whether %s leads to its machine, and "+
		"open port %d in firewalls", l.keeper(), l.Address(), humanize.Duration(waited), refusal(err), l.Host, l.Port)
}

// unknown returns why a name has no address, or nil if it has one.
func unknown(err error) error {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns
	}
	return nil
}

// refusal returns why a connection was not made, without the addresses.
func refusal(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
