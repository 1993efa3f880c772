package loader

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"contralens/data"
	"contralens/data/store"
	"contralens/detect"
	"contralens/detect/detecttest"
	"contralens/detect/sets"
	"contralens/views"
	"contralens/world"
)

// generated returns options for generated images with polygons, half of which are upright.
func generated(t *testing.T, n int) Options {
	t.Helper()
	files := store.Memory(detecttest.COCO(detecttest.Scenes(n, 60, 40, 7)))
	set, _, err := sets.Open(context.Background(), sets.Options{Store: files, Split: "train"})
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Set: set, Store: files, Train: true, BatchSize: 2, Batches: 9, Seed: 5, Short: []int{25, 32, 48}, MaxSide: 70,
		Divisor: 8, Masks: true, Workers: 2,
	}
}

// all returns copies of all batches.
func all(t *testing.T, o Options) []detect.Batch {
	t.Helper()
	l, err := New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var list []detect.Batch
	for {
		b, err := l.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		c := *b.Batch
		c.Values, c.Pixels = slices.Clone(c.Values), slices.Clone(c.Pixels)
		list = append(list, c)
		l.Recycle(b)
	}
}

// Batches depend on nothing but their index: not on the workers, not on where loading began.
func TestSameBatches(t *testing.T) {
	o := generated(t, 16)
	want := all(t, o)
	if len(want) != 9 {
		t.Fatalf("%d batches, want 9", len(want))
	}
	for _, change := range []func(*Options){
		func(o *Options) { o.Workers = 1 }, func(o *Options) { o.Workers = 5 }, func(o *Options) { o.FirstBatch = 7 },
	} {
		o := o
		change(&o)
		if got := all(t, o); !reflect.DeepEqual(got, want[o.FirstBatch:]) {
			t.Errorf("%d workers from batch %d: other batches", o.Workers, o.FirstBatch)
		}
	}
	o.Seed++
	if reflect.DeepEqual(all(t, o), want) {
		t.Error("another seed: the same batches")
	}
}

// Processes share a batch: put together, their samples and pixels are those of one process. In
// evaluation they share the set.
func TestWorld(t *testing.T) {
	o := generated(t, 16)
	o.BatchSize, o.Pixels = 6, true
	want := all(t, o)
	got := make([]detect.Batch, len(want))
	for rank := range 3 {
		o := o
		o.World = world.World{Rank: rank, Size: 3}
		for i, b := range all(t, o) {
			if b.Width != want[i].Width || b.Height != want[i].Height || b.First != 2*rank || len(b.Samples) != 2 {
				t.Errorf("rank %d, batch %d: %d images from %d on, of %d x %d; want those of %d x %d", rank, i, len(b.Samples), b.First,
					b.Width, b.Height, want[i].Width, want[i].Height)
			}
			got[i].Samples = append(got[i].Samples, b.Samples...)
			got[i].Pixels = append(got[i].Pixels, b.Pixels...)
		}
	}
	for i := range want {
		if !reflect.DeepEqual(got[i].Samples, want[i].Samples) || !slices.Equal(got[i].Pixels, want[i].Pixels) {
			t.Errorf("batch %d is another one", i)
		}
	}
	var tested []int
	for rank := range 3 {
		o := o
		o.Train, o.BatchSize, o.World = false, 1, world.World{Rank: rank, Size: 3}
		for _, b := range all(t, o) {
			tested = append(tested, b.Samples[0].Index)
		}
	}
	if len(tested) != len(o.Set.Images) || !slices.IsSorted(tested) || len(slices.Compact(tested)) != len(o.Set.Images) {
		t.Errorf("tested images %v of %d", tested, len(o.Set.Images))
	}
	o.World = world.World{Size: 4}
	if _, err := New(context.Background(), o); err == nil || !strings.Contains(err.Error(), "multiple of the 4 processes, got 6") {
		t.Errorf("four processes with batches of 6: %v", err)
	}
}

// Every image comes once per pass, in batches of one shape; sizes and mirrors vary.
func TestStream(t *testing.T) {
	o := generated(t, 16) // 12 images to train on, 4 of them upright
	o.Batches = 60
	s := &stream{images: o.Set.Images, size: 2, batches: 60, seed: 3}
	count := map[int]int{}
	for i := range 60 {
		batch := s.Batch(i)
		shape := func(k int) bool { m := o.Set.Images[batch[k]%12]; return m.Width > m.Height }
		if len(batch) != 2 || shape(0) != shape(1) {
			t.Fatalf("batch %d: %v", i, batch)
		}
		for _, index := range batch {
			count[index]++
		}
	}
	for index, n := range count {
		if n != 1 {
			t.Errorf("image %d comes %d times in pass %d", index%12, n, index/12)
		}
	}
	for index := range 9 * 12 { // at most the images that wait in buckets are missing
		if count[index] == 0 && index < 8*12 {
			t.Errorf("image %d does not come in pass %d", index%12, index/12)
		}
	}
	if again := s.Batch(4); !slices.Equal(again, (&stream{images: o.Set.Images, size: 2, batches: 60, seed: 3}).Batch(4)) {
		t.Errorf("batch 4 again: %v", again)
	}
	shorts, flips := map[int]int{}, 0
	for index := range 600 {
		p := o.draw(index)
		shorts[min(p.width, p.height)]++
		if p.flip {
			flips++
		}
	}
	if len(shorts) != 3 || shorts[25] < 150 || shorts[32] < 150 || flips < 240 || flips > 360 {
		t.Errorf("sizes %v, %d of 600 mirrored", shorts, flips)
	}
}

// Evaluation has every image once, in order, not mirrored, at the first size.
func TestEvaluation(t *testing.T) {
	o := generated(t, 8)
	o.Train, o.BatchSize, o.Divisor = false, 1, 0
	list := all(t, o)
	if len(list) != len(o.Set.Images) {
		t.Fatalf("%d batches", len(list))
	}
	for i, b := range list {
		s := b.Samples[0]
		if s.Index != i || s.Flip || min(s.Width, s.Height) != 25 || b.Width != s.Width || b.Height != s.Height {
			t.Errorf("batch %d: %+v in %d x %d", i, s, b.Width, b.Height)
		}
	}
}

// The pixels are Pillow's: these are sums of what Pillow 9.4 makes of image 001.png, 60 x 40.
func TestPixelsArePillows(t *testing.T) {
	o := generated(t, 8)
	o.Train, o.BatchSize, o.Divisor, o.Pixels = false, 1, 32, true
	for short, want := range map[int]uint32{25: 3433741502, 40: 508050808, 48: 3532955484, 61: 1220545824} {
		o.Short, o.MaxSide = []int{short}, 0
		b := all(t, o)[0]
		s := b.Samples[0]
		rgb := make([]byte, 0, 3*s.Width*s.Height)
		for y := range b.Height {
			for x := range b.Width {
				for c := range 3 {
					v := b.Pixels[(c*b.Height+y)*b.Width+x]
					if x < s.Width && y < s.Height {
						rgb = append(rgb, v)
					} else if v != 0 {
						t.Fatalf("padding at %d, %d: %d", x, y, v)
					}
				}
			}
		}
		if got := crc32.ChecksumIEEE(rgb); got != want {
			t.Errorf("%d x %d: sum %d, want %d", s.Width, s.Height, got, want)
		}
	}
}

// Values are the pixels, normalized with ImageNet's numbers, and zero outside.
func TestValues(t *testing.T) {
	o := generated(t, 8)
	values := all(t, o)
	o.Pixels = true
	for i, b := range all(t, o) {
		v := values[i]
		if b.Values != nil || v.Pixels != nil || b.Width%8 != 0 || b.Height%8 != 0 || !reflect.DeepEqual(b.Samples, v.Samples) {
			t.Fatalf("batch %d", i)
		}
		for n, s := range b.Samples {
			for c := range 3 {
				for at := range b.Width * b.Height {
					k := (3*n+c)*b.Width*b.Height + at
					want := float32(0)
					if at%b.Width < s.Width && at/b.Width < s.Height {
						want = (float32(b.Pixels[k])/255 - float32(views.RGB.Mean[c])) / float32(views.RGB.Std[c])
					}
					if v.Values[k] != want {
						t.Fatalf("batch %d: value %v, want %v", i, v.Values[k], want)
					}
				}
			}
		}
	}
}

// Objects go along with the pixels: the color under a box's middle is that of its class, also
// in mirrored images, and the mask's middle is inside.
func TestObjectsGoAlong(t *testing.T) {
	o := generated(t, 16)
	o.Pixels, o.Batches = true, 20
	flipped := 0
	for _, b := range all(t, o) {
		for n, s := range b.Samples {
			if s.Flip {
				flipped++
			}
			last := len(s.Boxes) - 1 // drawn over the others
			box := s.Boxes[last]
			x, y := int(box[0]+box[2])/2, int(box[1]+box[3])/2
			at := func(c int) uint8 { return b.Pixels[((3*n+c)*b.Height+y)*b.Width+x] }
			if disk := at(0) > at(2); disk != (s.Classes[last] == 0) {
				t.Errorf("image %d, class %d: color %d %d %d", s.Index, s.Classes[last], at(0), at(1), at(2))
			}
			r, err := s.Shapes[last].Mask(s.Height, s.Width)
			if err != nil {
				t.Fatal(err)
			}
			pixels, err := r.Decode()
			if err != nil || pixels[y*s.Width+x] != 1 {
				t.Errorf("image %d: no mask under its box's middle, %v", s.Index, err)
			}
		}
	}
	if flipped < 10 || flipped > 30 {
		t.Errorf("%d of 40 images mirrored", flipped)
	}
}

// A broken image is replaced in training by a good one that fits, marked in evaluation, and an
// error beyond the limit.
func TestUnreadable(t *testing.T) {
	o := generated(t, 16)
	files := o.Store.(store.Memory)
	bad := 4
	files[o.Set.Images[bad].Path] = []byte("broken")
	o.Batches = 12
	l, err := New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = l.Next()
	}
	l.Close()
	if want := "image " + o.Set.Images[bad].Path; !strings.Contains(err.Error(), want) {
		t.Errorf("without tolerance: %v, want %q", err, want)
	}
	var notes []string
	o.MaxBad, o.Note, o.Workers = 0.05, func(s string) { notes = append(notes, s) }, 1
	first := all(t, o)
	for _, b := range first {
		for _, s := range b.Samples {
			if s.Index == bad || s.Width > b.Width || s.Height > b.Height || len(s.Boxes) == 0 {
				t.Errorf("sample %+v in %d x %d", s, b.Width, b.Height)
			}
		}
	}
	if len(notes) != 1 || !strings.HasPrefix(notes[0], "replaced by another image: image ") {
		t.Errorf("notes %q", notes)
	}
	o.Workers, o.FirstBatch, o.Note = 4, 3, nil
	if got := all(t, o); !reflect.DeepEqual(got, first[3:]) {
		t.Error("more workers: other batches")
	}
	o.Train, o.BatchSize, o.FirstBatch = false, 1, 0
	for i, b := range all(t, o) {
		if s := b.Samples[0]; s.Unreadable != (i == bad) || (s.Unreadable && len(s.Boxes) != 0) {
			t.Errorf("image %d: %+v", i, s)
		}
	}
	for _, i := range []int{1, 2} {
		files[o.Set.Images[i].Path] = files[o.Set.Images[3].Path][:50]
	}
	o.Workers = 1 // several would count further ones before the error
	l, err = New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for err == nil {
		_, err = l.Next()
	}
	var many *data.TooManyUnreadable
	if !errors.As(err, &many) || many.Unreadable != 2 || many.Images != 12 {
		t.Errorf("two broken images of 12: %v", err)
	}
}

// An image of another size than annotated counts as unreadable, and names both sizes.
func TestWrongSize(t *testing.T) {
	o := generated(t, 8)
	o.Train, o.Set.Images[0].Width = false, 61
	l, err := New(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Next(); err == nil || !strings.Contains(err.Error(), "want the 61 x 40 pixels of its annotation, got 60 x 40") {
		t.Error(err)
	}
}

func TestWrongOptions(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"want images to load": func(o *Options) { o.Set = &detect.Set{} },
		"batch size: want":    func(o *Options) { o.BatchSize = 0 },
		"shorter sides: want": func(o *Options) { o.Short = nil },
	} {
		o := generated(t, 4)
		change(&o)
		if _, err := New(context.Background(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// Padding and colors of a batch that detectors get.
func ExampleNew() {
	files := store.Memory(detecttest.VOC(detecttest.Scenes(4, 64, 48, 1)))
	ctx := context.Background()
	set, _, err := sets.Open(ctx, sets.Options{Store: files, Split: "train"})
	if err != nil {
		panic(err)
	}
	l, err := New(ctx, Options{Set: set, Store: files, BatchSize: 2, Short: []int{96}, Divisor: 32})
	if err != nil {
		panic(err)
	}
	defer l.Close()
	b, err := l.Next()
	if err != nil {
		panic(err)
	}
	fmt.Println(len(b.Samples), "images of", b.Width, "x", b.Height, "with", len(b.Values), "values")
	fmt.Println("the first is", b.Samples[0].Width, "x", b.Samples[0].Height)
	// Output:
	// 2 images of 128 x 96 with 73728 values
	// the first is 128 x 96
}
