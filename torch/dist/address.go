package dist

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// chosen returns the interfaces that GLOO_SOCKET_IFNAME names.
func chosen() (names []string) {
	for name := range strings.SplitSeq(os.Getenv("GLOO_SOCKET_IFNAME"), ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// Listens returns the address at which Gloo listens in this process if the store is at host:port,
// and the network interface that has it. An error says what is wrong with GLOO_SOCKET_IFNAME, or that
// no way leads to the host.
func Listens(host string, port int) (address, network string, err error) {
	at, err := addresses(&Store{address: host, port: port}, nil)
	if err != nil {
		return "", "", err
	}
	all, err := net.Interfaces()
	if err != nil {
		return "", "", fmt.Errorf("group: the network interfaces of this machine cannot be listed: %w", err)
	}
	kind, name, _ := strings.Cut(at[0], ":")
	for _, i := range all {
		list, err := i.Addrs()
		if err != nil {
			continue // it has just gone
		}
		for _, a := range list {
			n, ok := a.(*net.IPNet)
			if ok && (kind == "if" && i.Name == name && !n.IP.IsLinkLocalUnicast() || kind == "at" && n.IP.String() == name) {
				return n.IP.String(), i.Name, nil
			}
		}
	}
	if kind == "if" {
		return "", "", fmt.Errorf("group: the network interface %q has no address", name)
	}
	return name, "", nil
}

// addresses returns where Gloo listens, in the form of cl_group_new: the interfaces that were
// asked for, or the address of this machine on the way to the store. libtorch itself takes
// what the machine's name resolves to, which on Debian is one that others cannot reach.
func addresses(s *Store, interfaces []string) ([]string, error) {
	if len(interfaces) == 0 {
		interfaces = chosen()
	}
	var out []string
	for _, name := range interfaces {
		if _, err := net.InterfaceByName(name); err != nil {
			return nil, fmt.Errorf("group: this machine has no network interface %q, but %s", name,
				strings.Join(interfaceNames(), ", "))
		}
		out = append(out, "if:"+name)
	}
	if len(out) > 0 {
		return out, nil
	}
	at, err := toward(s.address, s.port)
	if err != nil {
		return nil, fmt.Errorf("group: no way from this machine to the store at %s: %w; name a network interface",
			s.address, err)
	}
	return []string{"at:" + at}, nil
}

// toward returns the address of this machine from which it reaches a host. If the host is
// this machine under a name that others know it by, that is not a loopback address.
func toward(host string, port int) (string, error) {
	if host == "" {
		return "127.0.0.1", nil
	}
	way, err := net.Dial("udp", net.JoinHostPort(host, strconv.Itoa(max(port, 1)))) // sends nothing
	if err != nil {
		return "", err
	}
	defer way.Close()
	local := way.LocalAddr().(*net.UDPAddr).IP
	if local.IsLoopback() && host != "localhost" && net.ParseIP(host) == nil {
		if outside := outside(); outside != nil {
			local = outside
		}
	}
	return local.String(), nil
}

// outside returns the first address of this machine that is not a loopback one, or nil.
func outside() net.IP {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			return n.IP
		}
	}
	return nil
}

func interfaceNames() []string {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	names := make([]string, len(all))
	for i, n := range all {
		names[i] = n.Name
	}
	return names
}
