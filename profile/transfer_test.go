package profile

import (
	"testing"

	"contralens/torch"
)

// The rate of an upload is measured on every device, and the peak of products on a GPU.
func TestRatesOfDevices(t *testing.T) {
	torch.TestDevices(t, func(t *testing.T, d torch.Device) {
		err := torch.Run(func() error {
			if rate := UploadRate(d, 0); !(rate > 0) {
				t.Errorf("uploads of %v bytes per second", rate)
			}
			if d.IsCPU() {
				return nil // products take long there, and bench step measures them
			}
			if rate := Peak(torch.Float32, d, 0); !(rate > 0) {
				t.Errorf("%v operations per second", rate)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
