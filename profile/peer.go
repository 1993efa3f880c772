package profile

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// ProgramPeer returns a Peer that runs a program with the arguments folder, pipeline,
// views, size and seconds. The program prints its rate.
func ProgramPeer(program, folder string) Peer {
	return func(pipeline string, views, size int, seconds float64) (float64, error) {
		cmd := exec.Command(program, folder, pipeline, strconv.Itoa(views), strconv.Itoa(size),
			strconv.FormatFloat(seconds, 'g', 4, 64))
		out, err := cmd.Output()
		if err != nil {
			why := ""
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				why = ": " + strings.TrimSpace(string(exit.Stderr))
			}
			return 0, fmt.Errorf("%s: %w%s", program, err, why)
		}
		text := strings.TrimSpace(string(out))
		rate, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: want images per second, got %q", program, text)
		}
		return rate, nil
	}
}
