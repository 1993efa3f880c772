package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"contralens/internal/doctor"
)

// Two processes find each other and sum what the gradients of a ResNet-50 take.
func TestDoctorOfProcesses(t *testing.T) {
	c := exec.Command(os.Args[0], "doctor", "--dist", "--json")
	c.Env = append(os.Environ(), asProgram+"=1")
	text, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []doctor.Finding
	if err := json.Unmarshal(text, &found); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	wants := [][2]string{
		{"launcher", "options: starts ranks 0 to 1 of 2"}, {"meeting", "of 127.0.0.1 is open"}, {"ranks", "all 2 came"},
		{"network", "each rank reaches each, by lo (127.0.0.1)"}, {"exchange", ""}, {"clocks", "apart"}, {"sums", "112 MB"},
	}
	if len(found) != len(wants) {
		t.Fatalf("%+v", found)
	}
	for i, want := range wants {
		if f := found[i]; f.What != want[0] || !strings.Contains(f.Found, want[1]) || f.Problem != "" {
			t.Errorf("%+v, want %q", f, want)
		}
	}
}

// What a job lacks is a sentence that says what to do.
func TestDoctorOfLackingProcesses(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	taken := listener.Addr().(*net.TCPAddr).Port
	const node = "--world-size 2 --nproc 1 --dist_join 1s --rank "
	for _, c := range []struct{ options, want string }{
		{node + "0 --dist-url tcp://nobody.invalid:29500", "the name nobody.invalid of the machine of rank 0 had no address here"},
		{node + fmt.Sprintf("0 --dist-url tcp://127.0.0.1:%d", taken), fmt.Sprintf("another program listens on port %d", taken)},
		{node + fmt.Sprintf("0 --dist-url tcp://127.0.0.1:%d", free(t)), "1 of 2 ranks came in 1s; missing: 1"},
		{node + fmt.Sprintf("1 --dist-url tcp://127.0.0.1:%d", free(t)), "start it, look whether 127.0.0.1 leads to its machine"},
	} {
		code, text := spawn(t, append([]string{"doctor", "--dist"}, strings.Fields(c.options)...)...).end(t)
		if code != exitFailed || !strings.Contains(text, c.want) {
			t.Errorf("%s: code %d, want %q:\n%s", c.options, code, c.want, text)
		}
	}
	t.Setenv("GLOO_SOCKET_IFNAME", "none0")
	if code, text := spawn(t, "doctor", "--dist").end(t); code != exitFailed || !strings.Contains(text, `this machine has no network interface "none0"`) {
		t.Errorf("code %d:\n%s", code, text)
	}
}

// free returns a port at which nobody listens.
func free(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
