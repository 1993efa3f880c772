package dashboard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"contralens/rundir"
	"contralens/scores/record"
)

// Replayer shows again what a training saw. Its methods may be called by several goroutines.
type Replayer interface {
	Len() int
	Path(image int) string
	Class(image int) string
	// Crops returns the crops of an image in an epoch, nil for those that are no pictures. All come
	// from one decoding.
	Crops(ctx context.Context, image, epoch int) ([]image.Image, error)
	Sample(ctx context.Context) record.Sample // tells the images from others
}

// openPatience is how long the answer about a step waits for the images of the training. What is known
// without them is shown at once.
const openPatience = 100 * time.Millisecond

// errOpening says that the images are not open yet.
var errOpening = errors.New("the images of the training are being opened")

// replay opens the images of a run once, beside what the page asks for.
type replay struct {
	mu      sync.Mutex
	options map[string]string // of the run whose images these are
	opened  *opening
	crops   cropCache
}

// opening opens the images of a training. The other fields are there when done is closed.
type opening struct {
	done   chan struct{}
	images Replayer
	sample record.Sample
	err    error
	told   atomic.Bool // err was an answer
}

// open starts to open the images of a run with these options, unless that has been done. What failed is
// tried again once its error was an answer.
func (p *replay) open(s *Server, options map[string]string) *opening {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opened != nil && maps.Equal(p.options, options) {
		select {
		case <-p.opened.done:
			if p.opened.err == nil || !p.opened.told.Load() {
				return p.opened
			}
		default:
			return p.opened
		}
	}
	job := &opening{done: make(chan struct{})}
	p.opened, p.options = job, options
	p.crops.forget()
	s.working.Add(1)
	go func() {
		defer s.working.Done()
		defer close(job.done)
		if job.images, job.err = s.Replay(s.ended, options); job.err == nil {
			job.sample = job.images.Sample(s.ended)
		}
	}()
	return job
}

// replayer returns the images that the run was trained on. If they are not open when ctx ends, the error is
// errOpening.
func (r *run) replayer(ctx context.Context, h record.ImagesHeader) (Replayer, error) {
	if r.server.Replay == nil {
		return nil, errors.New("this dashboard shows no crops")
	}
	about, err := rundir.ReadRecordFS(folder{r})
	if err != nil {
		return nil, err
	}
	job := r.replay.open(r.server, about.Config)
	select {
	case <-job.done:
	case <-ctx.Done():
		return nil, errOpening
	}
	if job.err != nil {
		job.told.Store(true)
		return nil, job.err
	}
	if n := job.images.Len(); n != h.Total {
		return nil, fmt.Errorf("the training had %d images, and there are %d now: crops of other images would be shown",
			h.Total, n)
	}
	if why := h.Sample.Differs(job.sample); why != "" {
		return nil, fmt.Errorf("there is another dataset now than in the training, %s: crops of other images would be "+
			"shown", why)
	}
	return job.images, nil
}

// openAhead starts to open the images of a run whose page is opened: it may ask for crops next.
func (r *run) openAhead() {
	if r.server.Replay == nil || r.server.saving {
		return
	}
	if about, err := rundir.ReadRecordFS(folder{r}); err == nil {
		r.replay.open(r.server, about.Config)
	}
}

// picture returns the crop that a key is of, as PNG.
func (r *run) picture(ctx context.Context, h record.ImagesHeader, key record.Key) ([]byte, error) {
	images, err := r.replayer(ctx, h)
	if err != nil {
		return nil, err
	}
	epoch := h.Epoch(key.Step)
	crops, err := r.replay.crops.of(key.Image, epoch, func() ([]image.Image, error) {
		return images.Crops(r.server.ended, key.Image, epoch)
	})
	if err != nil {
		return nil, err
	}
	if key.Crop < 0 || key.Crop >= len(crops) || crops[key.Crop] == nil {
		return nil, fmt.Errorf("there is no picture of crop %d of image %d", key.Crop, key.Image)
	}
	var b bytes.Buffer
	err = pngEncoder.Encode(&b, crops[key.Crop])
	return b.Bytes(), err
}

// pngEncoder encodes crops. Making its buffers anew takes longer than encoding a small crop.
var pngEncoder = png.Encoder{CompressionLevel: png.BestSpeed, BufferPool: new(pngBuffers)}

type pngBuffers struct{ pool sync.Pool }

func (p *pngBuffers) Get() *png.EncoderBuffer {
	b, _ := p.pool.Get().(*png.EncoderBuffer)
	return b
}

func (p *pngBuffers) Put(b *png.EncoderBuffer) { p.pool.Put(b) }

// cropCache keeps the crops of the images that were shown last, so that an image is decoded once for a
// query and its key, and for the queries whose negative it is. The zero value is empty.
type cropCache struct {
	mu    sync.Mutex
	crops map[imageInEpoch]*cropsOfImage
	order []imageInEpoch // the oldest first
}

type imageInEpoch struct{ image, epoch int }

type cropsOfImage struct {
	once  sync.Once
	crops []image.Image
	err   error
}

// keptCrops is the number of images in a cropCache: two traced steps of 64 crops, 50 MB of two views with 224
// pixels.
const keptCrops = 128

// of returns the crops of an image in an epoch, and makes them if they are not there. Callers that ask for
// the same wait for the first one. Failures are not kept.
func (c *cropCache) of(image, epoch int, makeCrops func() ([]image.Image, error)) ([]image.Image, error) {
	key := imageInEpoch{image, epoch}
	c.mu.Lock()
	one := c.crops[key]
	if one == nil {
		if c.crops == nil {
			c.crops = map[imageInEpoch]*cropsOfImage{}
		}
		if len(c.order) == keptCrops {
			delete(c.crops, c.order[0])
			c.order = c.order[1:]
		}
		one = new(cropsOfImage)
		c.crops[key], c.order = one, append(c.order, key)
	}
	c.mu.Unlock()
	one.once.Do(func() { one.crops, one.err = makeCrops() })
	if one.err != nil {
		c.drop(key, one)
	}
	return one.crops, one.err
}

// drop removes an entry, if it is still there.
func (c *cropCache) drop(key imageInEpoch, one *cropsOfImage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.crops[key] == one {
		delete(c.crops, key)
		c.order = slices.DeleteFunc(c.order, func(k imageInEpoch) bool { return k == key })
	}
}

// forget empties the cache.
func (c *cropCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.crops, c.order = nil, nil
}
