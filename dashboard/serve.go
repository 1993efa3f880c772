package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// DefaultAddress is the address of the dashboard if none is given. If its port is
// taken, one of the next ports is used.
const DefaultAddress = "127.0.0.1:8420"

// Listen opens a TCP address: HOST:PORT, :PORT or PORT. The default host is 127.0.0.1.
func Listen(address string) (net.Listener, error) {
	if address == "" {
		return listenNear(DefaultAddress)
	}
	if _, err := strconv.Atoi(address); err == nil {
		address = ":" + address
	}
	if strings.HasPrefix(address, ":") {
		address = "127.0.0.1" + address
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil, fmt.Errorf("address %q: want HOST:PORT or PORT, such as 127.0.0.1:8420", address)
	}
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%w by another program; choose another port", err)
	}
	return l, err
}

func listenNear(address string) (l net.Listener, err error) {
	host, text, _ := net.SplitHostPort(address)
	port, _ := strconv.Atoi(text)
	for i := range 20 {
		if l, err = net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port+i))); err == nil {
			return l, nil
		}
	}
	return nil, err
}

// Serve serves the runs below o.Dir until ctx ends. Open pages are told, with o.LastWords. If
// other machines can connect and o has no token, Serve makes one. say receives the address
// to open.
func Serve(ctx context.Context, l net.Listener, o Options, say func(address string)) error {
	addr := l.Addr().(*net.TCPAddr)
	if !addr.IP.IsLoopback() && o.Token == "" {
		o.Token = NewToken()
	}
	host := addr.IP.String()
	if name, err := os.Hostname(); err == nil {
		o.Hosts = append(o.Hosts, strings.ToLower(name))
		if addr.IP.IsUnspecified() {
			host = name
		}
	}
	s, err := New(o)
	if err != nil {
		l.Close()
		return err
	}
	defer s.Close()
	address := "http://" + net.JoinHostPort(host, strconv.Itoa(addr.Port)) + "/"
	if o.Token != "" {
		address += "?token=" + o.Token
	}
	say(address)
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 1 << 16,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		within, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if server.Shutdown(within) != nil {
			server.Close()
		}
	})
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-ended // the last requests need the directory
	return nil
}
