package jpeg

import (
	"encoding/binary"
	"errors"
)

// Size reads an image's size from the header of a file, without the library. Crops are
// drawn before anything is decoded.
func Size(file []byte) (w, h int, err error) {
	if len(file) < 4 || file[0] != 0xFF || file[1] != 0xD8 {
		return 0, 0, errors.New("not a JPEG file")
	}
	for at := 2; at+9 < len(file); {
		if file[at] != 0xFF { // a stray byte, which the library skips too
			at++
			continue
		}
		marker := file[at+1]
		switch marker {
		case 0xFF: // padding
			at++
			continue
		case 0: // not a marker
			at += 2
			continue
		}
		if marker == 0xD9 || marker == 0xDA { // the end, or pixels
			break
		}
		// Start of frame: SOF0 to SOF15 without the tables DHT, JPG and DAC.
		if marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC {
			h, w = int(binary.BigEndian.Uint16(file[at+5:])), int(binary.BigEndian.Uint16(file[at+7:]))
			if w < 1 || h < 1 {
				break
			}
			return w, h, nil
		}
		at += 2
		if marker != 0x01 && (marker < 0xD0 || marker > 0xD7) { // these have no length
			at += int(binary.BigEndian.Uint16(file[at:]))
		}
	}
	return 0, 0, errors.New("the header is cut short")
}
