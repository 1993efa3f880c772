// Package detecttest makes small sets of pictures with objects for tests: disks and squares on
// a noisy ground, in VOC's layout and in COCO's format.
package detecttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image/color"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"

	"contralens/data/datatest"
)

// Classes are the classes of the objects.
var Classes = []string{"disk", "square"}

// Object is an object of a picture: a box of whole pixels x1 ≤ x < x2, y1 ≤ y < y2.
type Object struct {
	Class          int
	X1, Y1, X2, Y2 int
}

// Scene is a picture with its objects.
type Scene struct {
	ID            string
	Width, Height int
	Objects       []Object
	PNG           []byte
}

// Scenes makes n pictures of about width × height pixels: every third is upright. They depend
// on seed alone.
func Scenes(n, width, height int, seed uint64) []Scene {
	scenes := make([]Scene, n)
	for i := range scenes {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		s := Scene{ID: fmt.Sprintf("%03d", i+1), Width: width, Height: height}
		if i%3 == 2 {
			s.Width, s.Height = height, width
		}
		for range 1 + r.IntN(3) {
			side := 6 + r.IntN(max(1, min(s.Width, s.Height)/2-6))
			x, y := r.IntN(s.Width-side), r.IntN(s.Height-side)
			s.Objects = append(s.Objects, Object{r.IntN(2), x, y, x + side, y + side})
		}
		noise := rand.New(rand.NewPCG(seed+1, uint64(i)))
		s.PNG = datatest.PNG(s.Width, s.Height, func(x, y int) color.RGBA { return s.at(x, y, uint8(noise.IntN(40))) })
		scenes[i] = s
	}
	return scenes
}

// at is the color of a pixel: disks are reddish, squares bluish.
func (s *Scene) at(x, y int, noise uint8) color.RGBA {
	c := color.RGBA{60 + noise, 90 + noise, 60 + noise, 255}
	for _, o := range s.Objects {
		if x < o.X1 || x >= o.X2 || y < o.Y1 || y >= o.Y2 {
			continue
		}
		half := float64(o.X2-o.X1) / 2
		if o.Class == 1 {
			c = color.RGBA{40 + noise, 60 + noise, 200 + noise, 255}
		} else if math.Hypot(float64(x-o.X1)+0.5-half, float64(y-o.Y1)+0.5-half) <= half {
			c = color.RGBA{210 + noise, 70 + noise, 40 + noise, 255}
		}
	}
	return c
}

// XML returns the picture's annotation in VOC's format.
func (s *Scene) XML() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<annotation><filename>%s.png</filename>"+
		"<size><width>%d</width><height>%d</height><depth>3</depth></size>\n",
		s.ID, s.Width, s.Height)
	for _, o := range s.Objects {
		fmt.Fprintf(&b, "<object><name>%s</name><difficult>0</difficult><bndbox><xmin>%d</xmin><ymin>%d</ymin>"+
			"<xmax>%d</xmax><ymax>%d</ymax></bndbox></object>\n", Classes[o.Class], o.X1+1, o.Y1+1, o.X2, o.Y2)
	}
	b.WriteString("</annotation>\n")
	return b.Bytes()
}

// VOC returns the files of a folder in VOC's layout: the lists train and test, of which test
// has the last quarter of the pictures, and trainval, which is train.
func VOC(scenes []Scene) map[string][]byte {
	files := map[string][]byte{}
	var train, test []byte
	for i, s := range scenes {
		files["Annotations/"+s.ID+".xml"] = s.XML()
		files["JPEGImages/"+s.ID+".png"] = s.PNG
		if i < len(scenes)-len(scenes)/4 {
			train = append(train, s.ID+"\n"...)
		} else {
			test = append(test, s.ID+"\n"...)
		}
	}
	files["ImageSets/Main/train.txt"], files["ImageSets/Main/trainval.txt"] = train, train
	files["ImageSets/Main/test.txt"] = test
	return files
}

// COCO returns the files of a folder of COCO: annotations/instances_train.json and
// instances_test.json with polygons, and images below train and test. The categories are 3, disk,
// and 7, square.
func COCO(scenes []Scene) map[string][]byte {
	files := map[string][]byte{}
	split := len(scenes) - len(scenes)/4
	for name, part := range map[string][]Scene{"train": scenes[:split], "test": scenes[split:]} {
		images, annotations := []any{}, []any{}
		for i, s := range part {
			files[name+"/"+s.ID+".png"] = s.PNG
			images = append(images, map[string]any{
				"id": i + 1, "file_name": s.ID + ".png", "width": s.Width, "height": s.Height,
			})
			for _, o := range s.Objects {
				annotations = append(annotations, map[string]any{
					"id": len(annotations) + 1, "image_id": i + 1, "category_id": 3 + 4*o.Class, "iscrowd": 0,
					"bbox": []int{o.X1, o.Y1, o.X2 - o.X1, o.Y2 - o.Y1}, "area": (o.X2 - o.X1) * (o.Y2 - o.Y1),
					"segmentation": [][]float64{o.polygon()},
				})
			}
		}
		b, err := json.Marshal(map[string]any{
			"images": images, "annotations": annotations,
			"categories": []any{map[string]any{"id": 7, "name": Classes[1]}, map[string]any{"id": 3, "name": Classes[0]}},
		})
		if err != nil {
			panic(err)
		}
		files["annotations/instances_"+name+".json"] = b
	}
	return files
}

// polygon is the outline of an object: a square, or twelve corners of a disk.
func (o Object) polygon() []float64 {
	x1, y1, x2, y2 := float64(o.X1), float64(o.Y1), float64(o.X2), float64(o.Y2)
	if o.Class == 1 {
		return []float64{x1, y1, x2, y1, x2, y2, x1, y2}
	}
	var p []float64
	for i := range 12 {
		sin, cos := math.Sincos(float64(i) * math.Pi / 6)
		p = append(p, (x1+x2)/2+(x2-x1)/2*cos, (y1+y2)/2+(y2-y1)/2*sin)
	}
	return p
}

// Write writes files below a folder. It panics if that fails, so that examples can use it too.
func Write(folder string, files map[string][]byte) {
	for name, b := range files {
		full := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			panic(err)
		}
		if err := os.WriteFile(full, b, 0o644); err != nil {
			panic(err)
		}
	}
}
