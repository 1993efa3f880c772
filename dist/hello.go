package dist

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"contralens/internal/humanize"
)

// Hello is what a process tells the others before the first step. All but Host, PID, Space and
// Device must be equal in all processes, or they would train something else together.
type Hello struct {
	Host   string `json:"host"`
	PID    int    `json:"pid"`
	Space  string `json:"space,omitempty"` // of process numbers; equal in processes that see each other's
	Device string `json:"device,omitempty"`

	Size    int               `json:"size"`              // how many processes it was started for; Join sets it
	PerNode int               `json:"per_node"`          // how many of them are on its node; Join sets it
	Place   int               `json:"place"`             // its place among them, from 0; Join sets it
	Run     string            `json:"run"`               // name of the run directory
	Build   string            `json:"build,omitempty"`   // commit of the program
	Torch   string            `json:"torch,omitempty"`   // version of libtorch
	Options map[string]string `json:"options,omitempty"` // as the user types their names, such as "--batch_size"

	Folder  string `json:"folder,omitempty"`  // of the images
	Images  int    `json:"images,omitempty"`  // how many there are
	Names   string `json:"names,omitempty"`   // a hash of some of their names
	Weights string `json:"weights,omitempty"` // SHA-256 of the checkpoint from which training starts
	Groups  int    `json:"groups,omitempty"`  // of batch norm in a batch, over all processes
}

// Here returns a Hello that names this process.
func Here() Hello {
	host, err := os.Hostname()
	if err != nil {
		host = "an unnamed host"
	}
	return Hello{Host: host, PID: os.Getpid(), Space: processSpace()}
}

// differs says in a sentence how the process of a rank differs from that of rank 0. It returns
// an empty text if both fit.
func (h *Hello) differs(rank int, first *Hello) string {
	at := fmt.Sprintf("rank %d (%s)", rank, h.Host)
	switch {
	case h.Run != first.Run:
		return fmt.Sprintf("%s belongs to run %q, rank 0 to %q", at, h.Run, first.Run)
	case h.Build != first.Build:
		return fmt.Sprintf("%s runs contralens %s, rank 0 %s", at, h.Build, first.Build)
	case h.Torch != first.Torch:
		return fmt.Sprintf("%s has libtorch %s, rank 0 %s", at, h.Torch, first.Torch)
	}
	names := maps.Clone(h.Options)
	if names == nil {
		names = map[string]string{}
	}
	maps.Copy(names, first.Options)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if mine, its := h.Options[name], first.Options[name]; mine != its {
			return fmt.Sprintf("%s was started with %s %s, rank 0 with %s", at, name, orNothing(mine), orNothing(its))
		}
	}
	switch {
	case h.Images != first.Images:
		return fmt.Sprintf("%s sees %s images below %s, rank 0 %s below %s", at,
			humanize.Grouped(h.Images), h.Folder, humanize.Grouped(first.Images), first.Folder)
	case h.Names != first.Names:
		return fmt.Sprintf("%s sees images with other names below %s than rank 0 below %s", at, h.Folder, first.Folder)
	case h.Weights != first.Weights:
		return fmt.Sprintf("%s starts from other weights than rank 0: SHA-256 %s, rank 0 %s", at,
			abbreviated(h.Weights), abbreviated(first.Weights))
	case h.Options["--shuffle_bn"] == "node" && (h.PerNode != first.PerNode || h.Place != rank%max(first.PerNode, 1)):
		return fmt.Sprintf("%s is number %d of %d on its node, where --shuffle_bn node wants nodes with %d each, as rank "+
			"0's, and ranks that follow each other: take --shuffle_bn exchange", at, h.Place+1, h.PerNode, first.PerNode)
	case h.Groups != first.Groups:
		return fmt.Sprintf("%s has %d batch-norm groups in a batch, rank 0 %d", at, h.Groups, first.Groups)
	}
	return ""
}

func orNothing(value string) string {
	if value == "" {
		return `""`
	}
	return value
}

func abbreviated(sum string) string {
	if sum == "" {
		return "none"
	}
	return sum[:min(12, len(sum))]
}

// sizes compares the numbers of processes that those were started for that have come, some of which
// may be nil. Of different numbers, one waits for ranks that never come.
func sizes(hellos []*Hello) error {
	for rank, h := range hellos {
		if first := hellos[0]; first != nil && h != nil && h.Size != first.Size {
			return &Disagreement{rank, fmt.Sprintf("rank %d (%s) was started as one of %d processes, rank 0 as one of %d", rank,
				h.Host, h.Size, first.Size)}
		}
	}
	return nil
}

// verdict compares all processes with rank 0. Every rank computes the same from the same
// greetings.
func verdict(hellos []*Hello) error {
	for rank, h := range hellos {
		if rank == 0 {
			continue
		}
		if text := h.differs(rank, hellos[0]); text != "" {
			return &Disagreement{Rank: rank, Text: text}
		}
	}
	return nil
}

func readHello(text []byte, rank int) (*Hello, error) {
	var h Hello
	if err := json.Unmarshal(text, &h); err != nil {
		return nil, fmt.Errorf("rank %d sent a greeting that is not one of contralens: %w", rank, err)
	}
	return &h, nil
}

// processSpace names the space of process numbers: the boot and the namespace.
func processSpace() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	space, err2 := os.Readlink("/proc/self/ns/pid")
	if err != nil || err2 != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + space
}

// processState returns the state of a process that shares this process's space: R and S for one
// that runs or sleeps, T for a stopped one, Z for one that has ended, and 0 if there is none.
func processState(pid int) byte {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, after, ok := strings.Cut(string(text[max(0, strings.LastIndexByte(string(text), ')')):]), ") ")
	if !ok || after == "" {
		return 0
	}
	return after[0]
}
