package machine

import (
	"io/fs"
	"math"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"testing/fstest"
)

// machineWith returns a machine with the given number of processors and files.
func machineWith(affinity int, files map[string]string) system {
	tree := fstest.MapFS{}
	for name, text := range files {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return system{files: tree, affinity: affinity}
}

const (
	mountsV2 = "24 1 0:22 / /proc rw - proc proc rw\n" +
		"30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
	mountsV1 = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n" +
		"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n" +
		"33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	// A container that sees its own group as if it were the root.
	mountsContainer = "32 31 0:29 /docker/ab12 /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n"
)

func TestProcessors(t *testing.T) {
	for name, c := range map[string]struct {
		affinity int
		files    map[string]string
		want     int
	}{
		"nothing is known": {4, nil, 4},
		"v2, no limit": {4, map[string]string{
			"proc/self/mountinfo": mountsV2, "proc/self/cgroup": "0::/job\n",
			"sys/fs/cgroup/job/cpu.max": "max 100000\n"}, 4},
		"v2, two processors": {64, map[string]string{
			"proc/self/mountinfo": mountsV2, "proc/self/cgroup": "0::/job\n",
			"sys/fs/cgroup/job/cpu.max": "200000 100000\n"}, 2},
		"v2, the limit of a group above": {64, map[string]string{
			"proc/self/mountinfo": mountsV2, "proc/self/cgroup": "0::/a/b/c\n",
			"sys/fs/cgroup/a/b/c/cpu.max": "max 100000\n", "sys/fs/cgroup/a/cpu.max": "150000 50000\n"}, 3},
		"v2, a group without the controller": {8, map[string]string{
			"proc/self/mountinfo": mountsV2, "proc/self/cgroup": "0::/a\n"}, 8},
		"v2, as a container sees it": {8, map[string]string{
			"proc/self/mountinfo": mountsV2, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/cpu.max": "100000 100000\n"}, 1},
		"v2, a group outside the container's view": {8, map[string]string{
			"proc/self/mountinfo": mountsV2, "proc/self/cgroup": "0::/../other\n",
			"sys/fs/cgroup/cpu.max": "300000 100000\n"}, 3},
		"v1, one of two": {2, map[string]string{
			"proc/self/mountinfo": mountsV1, "proc/self/cgroup": "2:memory:/\n1:cpu,cpuacct:/probe\n0::/\n",
			"sys/fs/cgroup/cpu,cpuacct/probe/cpu.cfs_quota_us":  "100000\n",
			"sys/fs/cgroup/cpu,cpuacct/probe/cpu.cfs_period_us": "100000\n"}, 1},
		"v1, no limit": {2, map[string]string{
			"proc/self/mountinfo": mountsV1, "proc/self/cgroup": "1:cpu,cpuacct:/probe\n",
			"sys/fs/cgroup/cpu,cpuacct/probe/cpu.cfs_quota_us":  "-1\n",
			"sys/fs/cgroup/cpu,cpuacct/probe/cpu.cfs_period_us": "100000\n"}, 2},
		"v1, the container's group is mounted as the root": {16, map[string]string{
			"proc/self/mountinfo": mountsContainer, "proc/self/cgroup": "1:cpu:/docker/ab12/inner\n",
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us":  "450000\n",
			"sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"}, 5},
		"half a processor is one": {4, map[string]string{
			"proc/self/mountinfo": mountsV2, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1},
		"a quota above what there is": {4, map[string]string{
			"proc/self/mountinfo": mountsV2, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/cpu.max": "1000000 100000\n"}, 4},
		"a file of another form": {4, map[string]string{
			"proc/self/mountinfo": mountsV2, "proc/self/cgroup": "0::/\nnonsense\n",
			"sys/fs/cgroup/cpu.max": "one two three\n"}, 4},
		"a folder with a space": {4, map[string]string{
			"proc/self/mountinfo":        `30 23 0:26 / /my\040groups rw - cgroup2 cgroup2 rw` + "\n",
			"proc/self/cgroup":           "0::/job\n",
			"my groups/job/cpu.max":      "200000 100000\n",
			"sys/fs/cgroup/job/cpu.max":  "100000 100000\n",
			"sys/fs/cgroup/cpu.max":      "100000 100000\n",
			"my groups/cpu.max":          "max 100000\n",
			"my groups/elsewhere/ignore": ""}, 2},
	} {
		if got := machineWith(c.affinity, c.files).processors(); got != c.want {
			t.Errorf("%s: %d processors, want %d", name, got, c.want)
		}
	}
}

func TestMemory(t *testing.T) {
	const meminfo = "MemTotal:       16384 kB\nMemFree:         4096 kB\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  Memory
	}{
		"nothing is known": {nil, Memory{}},
		"no limit":         {map[string]string{"proc/meminfo": meminfo}, Memory{16 << 20, 16 << 20}},
		"v2": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/mountinfo": mountsV2, "proc/self/cgroup": "0::/a/b\n",
			"sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/memory.max": "4194304\n"}, Memory{16 << 20, 4 << 20}},
		"v1": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/mountinfo": mountsV1, "proc/self/cgroup": "2:memory:/job\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":     "9223372036854771712\n",
			"sys/fs/cgroup/memory/job/memory.limit_in_bytes": "8388608\n"}, Memory{16 << 20, 8 << 20}},
		"v1, no limit": {map[string]string{
			"proc/meminfo": meminfo, "proc/self/mountinfo": mountsV1, "proc/self/cgroup": "2:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, Memory{16 << 20, 16 << 20}},
	} {
		if got := machineWith(1, c.files).memory(); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestModel(t *testing.T) {
	for cpuinfo, want := range map[string]string{
		"processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD EPYC 9554\n\nprocessor\t: 1\nmodel name\t: other\n": "AMD EPYC 9554",
		"processor\t: 0\nFeatures\t: fp asimd\n": runtime.GOARCH,
		"":                                       runtime.GOARCH,
	} {
		if got := machineWith(1, map[string]string{"proc/cpuinfo": cpuinfo}).model(); got != want {
			t.Errorf("%q: %s, want %s", cpuinfo, got, want)
		}
	}
}

func TestInstructions(t *testing.T) {
	for _, c := range []struct {
		cpuinfo string
		vectors []string
		bf16    bool
	}{
		{"processor\t: 0\nflags\t\t: fpu avx2 avx512_bf16\n\nprocessor\t: 1\n", []string{"avx2", "avx512_bf16"}, true},
		{"flags\t\t: fpu avx2 amx_bf16 amx_tile\n", []string{"avx2", "amx_bf16"}, true},
		{"flags\t\t: fpu avx512f fma avx2\nbugs\t\t: avx512_bf16\n", []string{"avx2", "fma", "avx512f"}, false},
		{"Features\t: fp asimd bf16\n", []string{"asimd", "bf16"}, true},
		{"Features\t: fp asimd\n", []string{"asimd"}, false},
		{"", nil, false},
	} {
		s := machineWith(1, map[string]string{"proc/cpuinfo": c.cpuinfo})
		if got := s.vectors(); !slices.Equal(got, c.vectors) {
			t.Errorf("%q: %v, want %v", c.cpuinfo, got, c.vectors)
		}
		if got := s.nativeBF16(); got != c.bf16 {
			t.Errorf("%q: bfloat16 %v, want %v", c.cpuinfo, got, c.bf16)
		}
	}
}

func TestBLAS(t *testing.T) {
	s := machineWith(1, nil)
	if got := s.blas(); got != "" {
		t.Errorf("without alternatives: %s", got)
	}
	const library = "/usr/lib/x86_64-linux-gnu/openblas-openmp/libblas.so.3"
	s.files = fstest.MapFS{
		"etc/alternatives/libblas.so.3-x86_64-linux-gnu": {Data: []byte(library), Mode: fs.ModeSymlink},
	}
	if got := s.blas(); got != library || ReferenceBLAS(got) {
		t.Errorf("%s, want %s, which is optimized", got, library)
	}
	if !ReferenceBLAS("/usr/lib/x86_64-linux-gnu/blas/libblas.so.3") {
		t.Error("the reference BLAS is not recognized")
	}
}

// The peak grows by the size of a large array.
func TestPeakResident(t *testing.T) {
	before := PeakResident()
	block := make([]byte, 64<<20)
	for i := range block {
		block[i] = byte(i)
	}
	if after := PeakResident(); before == 0 || after < 64<<20 || after < before || block[1<<20] != 0 {
		t.Errorf("%d before, %d after", before, after)
	}
	if got := machineWith(1, map[string]string{"proc/self/status": "Name:\tx\nVmHWM:\t   123 kB\n"}).peakResident(); got != 123<<10 {
		t.Errorf("%d bytes", got)
	}
	if got := machineWith(1, nil).peakResident(); got != 0 {
		t.Errorf("%d bytes where nothing is known", got)
	}
}

// After a reset, the peak is that of what follows.
func TestResetPeak(t *testing.T) {
	const size = 256 << 20
	block, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < size; i += 4096 {
		block[i] = 1
	}
	before := PeakResident()
	if err := syscall.Munmap(block); err != nil {
		t.Fatal(err)
	}
	if ResetPeak(); PeakResident() > before-size/2 {
		t.Errorf("%d before, %d after", before, PeakResident())
	}
}

// The facts about this machine are plausible.
func TestHere(t *testing.T) {
	if n := Processors(); n < 1 || n > Affinity() {
		t.Errorf("%d processors of %d", n, Affinity())
	}
	if q := Quota(); !(q > 0) {
		t.Errorf("a quota of %v", q)
	}
	if m := MemorySize(); m.Total < 64<<20 || m.Limit > m.Total || m.Limit <= 0 {
		t.Errorf("memory: %+v", m)
	}
	begin := ProcessorTime()
	for x := 1.0; ProcessorTime() == begin; x = math.Sqrt(x + 1) {
	}
	inside, err1 := DiskFree(t.TempDir() + "/not/there/yet")
	if inside <= 0 || err1 != nil {
		t.Errorf("%d bytes free, %v", inside, err1)
	}
}

func TestNVIDIAGPUs(t *testing.T) {
	files := fstest.MapFS{}
	for name, facts := range map[string][2]string{
		"0000:3b:00.0": {"0x10de", "0x030200"}, "0000:3c:00.0": {"0x10de", "0x030000"}, // GPUs
		"0000:3c:00.1": {"0x10de", "0x040300"}, "0000:00:02.0": {"0x8086", "0x030000"}, // sound; a GPU of Intel's
	} {
		files["sys/bus/pci/devices/"+name+"/vendor"] = &fstest.MapFile{Data: []byte(facts[0] + "\n")}
		files["sys/bus/pci/devices/"+name+"/class"] = &fstest.MapFile{Data: []byte(facts[1] + "\n")}
	}
	if n := (system{files: files}).nvidiaGPUs(); n != 2 {
		t.Errorf("got %d, want 2", n)
	}
	if n := (system{files: fstest.MapFS{}}).nvidiaGPUs(); n != 0 {
		t.Errorf("without a bus: got %d", n)
	}
}
