package dashboard

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// PageLimit is the size that SavePage aims at, in bytes. A file of this size can be mailed.
const PageLimit = 3_000_000

// SavePage writes the dashboard's page with the data of runs to one file, which needs
// neither a server nor a network. dirs are run directories. Where the data of a run are too
// many for PageLimit, it keeps fewer points, epochs and images; the page says how many.
func SavePage(w io.Writer, dirs []string, now time.Time) error {
	shots, closeAll, err := openShots(dirs)
	defer closeAll()
	if err != nil {
		return err
	}
	for d := (detail{points: 4000, rows: 160, epochs: 24, images: 500, side: 64}); ; d = d.coarser() {
		all, err := takeSnapshot(shots, d, now)
		if err != nil {
			return err
		}
		data, err := packed(all)
		if err != nil {
			return err
		}
		page, err := wholePage(data, all.sentence())
		if err != nil {
			return err
		}
		if len(page) <= PageLimit || d.points < 200 {
			_, err = io.WriteString(w, page)
			return err
		}
	}
}

// packed returns the snapshot as compressed JSON.
func packed(s snapshot) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(z).Encode(s); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}

// sentence says what the page is, and how fine its data are.
func (s snapshot) sentence() string {
	var about []string
	for _, r := range s.Overview.Runs {
		longest := 1
		for _, c := range s.Curves[r.ID] {
			for i := range c.Step[min(1, len(c.Step)):] {
				longest = max(longest, c.N[i])
			}
		}
		if longest > 1 {
			about = append(about, fmt.Sprintf("a point of the curves of %s is up to %d steps, with their smallest and "+
				"largest value", r.Name, longest))
		}
	}
	text := "Saved " + s.Saved.Format("2 January 2006, 15:04") + " by contralens report. "
	if len(about) == 0 {
		return text + "The curves have every step."
	}
	return text + "To keep the file small, " + strings.Join(about, "; ") + "."
}

// dataURI returns content as an address that contains it.
func dataURI(kind string, content []byte) string {
	return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(content)
}
