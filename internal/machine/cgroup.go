package machine

import (
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
)

// quota returns the smallest limit of processor time among the control groups of this
// process, in processors, or +Inf if there is none.
func (s system) quota() float64 {
	least := math.Inf(1)
	for _, g := range s.cgroups("cpu") {
		fields := strings.Fields(s.read(g.dir + "/cpu.max"))
		if g.version == 1 {
			fields = []string{
				strings.TrimSpace(s.read(g.dir + "/cpu.cfs_quota_us")),
				strings.TrimSpace(s.read(g.dir + "/cpu.cfs_period_us")),
			}
		}
		if len(fields) != 2 {
			continue
		}
		quota, err1 := strconv.ParseFloat(fields[0], 64) // "max" and -1: no limit
		period, err2 := strconv.ParseFloat(fields[1], 64)
		if err1 == nil && err2 == nil && quota > 0 && period > 0 {
			least = min(least, quota/period)
		}
	}
	return least
}

// memoryLimit returns the smallest limit of memory among the control groups of this
// process, in bytes, or 0 if there is none.
func (s system) memoryLimit() int64 {
	least := int64(math.MaxInt64)
	for _, g := range s.cgroups("memory") {
		name := "/memory.max"
		if g.version == 1 {
			name = "/memory.limit_in_bytes"
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(s.read(g.dir+name)), 10, 64); err == nil && n > 0 {
			least = min(least, n)
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// cgroup is the folder of a control group. Files have other names in versions 1 and 2.
type cgroup struct {
	dir     string
	version int
}

// cgroups returns the control groups that may limit a controller for this process: its own
// group and those above it, as far as they are mounted.
func (s system) cgroups(controller string) (groups []cgroup) {
	mounts := s.read("/proc/self/mountinfo")
	for line := range strings.Lines(s.read("/proc/self/cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // id:controllers:path
		if len(parts) != 3 {
			continue
		}
		version := 1
		if parts[0] == "0" && parts[1] == "" {
			version = 2
		} else if !slices.Contains(strings.Split(parts[1], ","), controller) {
			continue
		}
		for _, m := range cgroupMounts(mounts, version, controller) {
			for dir := m.find(parts[2]); ; dir = path.Dir(dir) {
				groups = append(groups, cgroup{dir, version})
				if dir == m.point || dir == "/" || dir == "." {
					break
				}
			}
		}
	}
	return groups
}

// mount is a mount of the control groups below root at the folder point.
type mount struct{ root, point string }

// find returns the folder of a group. If the group is outside the mount, as it may be in a
// container, it returns the folder of the mount.
func (m mount) find(group string) string {
	below, ok := strings.CutPrefix(group, strings.TrimSuffix(m.root, "/"))
	if !ok || below != "" && below[0] != '/' || strings.Contains(group, "..") {
		return m.point
	}
	return path.Join(m.point, below)
}

// cgroupMounts returns the mounts in mountinfo of a controller's control groups of a
// version.
func cgroupMounts(mountinfo string, version int, controller string) (found []mount) {
	for line := range strings.Lines(mountinfo) {
		// id parent device root point options [tags] - type source options
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 6 || len(right) < 3 {
			continue
		}
		switch {
		case version == 2 && right[0] == "cgroup2":
		case version == 1 && right[0] == "cgroup" && slices.Contains(strings.Split(right[2], ","), controller):
		default:
			continue
		}
		found = append(found, mount{root: unescape(left[3]), point: path.Clean(unescape(left[4]))})
	}
	return found
}

// unescape replaces the escapes of mountinfo, such as \040 for a space.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
