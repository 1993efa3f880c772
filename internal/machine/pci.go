package machine

import (
	"io/fs"
	"path"
	"strings"
)

// NVIDIAGPUs returns the number of NVIDIA's GPUs on the machine's PCI bus, with a driver or
// without; 0 if it is unknown.
func NVIDIAGPUs() int { return here.nvidiaGPUs() }

func (s system) nvidiaGPUs() (n int) {
	const nvidia, display = "0x10de", "0x03" // the vendor, and the class of display controllers
	found, err := fs.Glob(s.files, "sys/bus/pci/devices/*")
	if err != nil {
		return 0
	}
	for _, device := range found {
		vendor, class := s.read(path.Join(device, "vendor")), s.read(path.Join(device, "class"))
		if strings.TrimSpace(vendor) == nvidia && strings.HasPrefix(class, display) {
			n++
		}
	}
	return n
}
