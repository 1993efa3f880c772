package remote

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"contralens/internal/usercache"
)

// cache is a folder of kept files. Several processes may use it at once: a file is complete
// when it has its name, a lock on the unfinished file says who fetches it, and a file that is
// removed while someone reads it stays readable to them.
type cache struct {
	dir   string
	limit int64
}

// partial ends the name of an unfinished file.
const partial = ".part"

// useStep is how exactly the last use of a file is known: its time of modification.
const useStep = time.Second

// openCache opens the folder of kept files. limit 0 means half of what is free on the disk,
// what is kept counted as free.
func openCache(dir string, limit int64) (*cache, error) {
	if dir == "" {
		var err error
		if dir, err = usercache.Path("shards"); err != nil {
			return nil, err
		}
	}
	for _, d := range []string{"files", "made"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, fmt.Errorf("folder of kept files %s: want one in which files can be written, but %w", dir, cause(err))
		}
	}
	c := &cache{filepath.Clean(dir), limit}
	if limit == 0 {
		var s unix.Statfs_t
		if err := unix.Statfs(dir, &s); err != nil {
			return nil, fmt.Errorf("folder of kept files %s: %w", dir, err)
		}
		_, kept := c.kept()
		c.limit = (int64(s.Bavail)*int64(s.Bsize) + kept) / 2
	}
	return c, nil
}

func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// path returns where a file is kept. It differs when the file changes.
func (c *cache) path(name string, o object) string {
	return filepath.Join(c.dir, "files", sum(fmt.Sprintf("%s\n%d\n%s\n%d", name, o.size, o.etag, o.modified.Unix())))
}

// made returns where a file is kept that the store lacks.
func (c *cache) made(name string) string { return filepath.Join(c.dir, "made", sum(name)) }

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:16])
}

// use records that a kept file is used.
func (c *cache) use(path string) {
	now := time.Now()
	if info, err := os.Stat(path); err == nil && now.Sub(info.ModTime()) > useStep {
		// Another process may have removed it.
		_ = os.Chtimes(path, now, now)
	}
}

// keptFile is a file of the cache.
type keptFile struct {
	path string
	size int64
	used time.Time
}

// kept lists the files of the cache, those first that were used longest ago, and sums them.
func (c *cache) kept() (files []keptFile, total int64) {
	entries, _ := os.ReadDir(filepath.Join(c.dir, "files"))
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			files = append(files, keptFile{filepath.Join(c.dir, "files", e.Name()), info.Size(), info.ModTime()})
			total += info.Size()
		}
	}
	slices.SortFunc(files, func(a, b keptFile) int { return a.used.Compare(b.used) })
	return files, total
}

// room makes room for size bytes, in one process at a time. It reports whether there is.
func (c *cache) room(ctx context.Context, size int64, reserve func() error) (bool, error) {
	if size > c.limit {
		return false, nil
	}
	lock, err := locked(ctx, filepath.Join(c.dir, "lock"))
	if err != nil {
		return false, err
	}
	defer lock.Close()
	files, total := c.kept()
	for _, f := range files {
		if total+size <= c.limit {
			break
		}
		if strings.HasSuffix(f.path, partial) && busy(f.path) {
			continue
		}
		if os.Remove(f.path) == nil {
			total -= f.size
		}
	}
	if total+size > c.limit {
		return false, nil
	}
	return true, reserve()
}

// locked opens a file and waits until no other process has it locked.
func locked(ctx context.Context, path string) (*os.File, error) {
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			return nil, err
		}
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			mine, err1 := f.Stat()
			there, err2 := os.Stat(path)
			if err1 == nil && err2 == nil && os.SameFile(mine, there) {
				return f, nil
			}
		}
		f.Close()
		if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// busy reports whether a process has an unfinished file locked. Those of killed processes are
// not.
func busy(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil
}
