package sets

import (
	"fmt"
	"strings"
	"testing"

	"contralens/data/datatest"
)

func TestSplitOf(t *testing.T) {
	for is, names := range map[split]string{
		trainSplit: "train Train TRAIN Training training_set train-images trainset seg_train train2017 train_data",
		testSplit: "val Val valid validation VALID test Testing test_set seg_test val2017 eval evaluation dev testset " +
			"imgs_val",
		noSplit: "cat bullet_train train_station test_tube testament value images trainer train_test validity dev_null " +
			"developer train_val",
	} {
		for _, name := range strings.Fields(names) {
			if got, _ := splitOf(name); got != is {
				t.Errorf("%s is %d, want %d", name, got, is)
			}
		}
	}
}

// Splits are found under the names and in the nested folders that archives have. What may
// be a split or a class is a question, not a class.
func TestLayouts(t *testing.T) {
	for name, tc := range map[string]struct {
		files   []string
		train   int
		classes string
		test    int    // -1: none
		want    string // part of the error
		note    string
	}{
		"Training and Testing": {[]string{"Training/cat/1.jpg", "Training/dog/2.jpg", "Testing/dog/3.jpg"}, 2, "cat dog", 1, "", ""},
		"upper case":           {[]string{"TRAIN/cat/1.jpg", "VAL/cat/2.jpg"}, 1, "cat", 1, "", ""},
		"valid before test": {[]string{"train/a/1.jpg", "valid/a/1.jpg", "valid/a/2.jpg", "test/a/3.jpg"}, 1, "a",
			2, "", ""},
		"training_set, nested": {[]string{"training_set/training_set/cats/1.jpg", "test_set/test_set/cats/2.jpg"},
			1, "cats", 1, "", ""},
		"seg_train": {[]string{"seg_train/seg_train/a/1.jpg", "seg_test/seg_test/a/1.jpg", "seg_pred/seg_pred/1.jpg"},
			1, "a", 1, "", `left out: "seg_pred"`},
		"one folder around": {[]string{"data/train/a/1.jpg", "data/val/a/2.jpg"}, 1, "a", 1, "", "one folder only"},
		"test without classes": {[]string{"train/a/1.jpg", "test/test/1.jpg"}, 1, "a", -1, "",
			"evaluation needs classes"},
		"val flat, test with classes": {[]string{"train/a/1.jpg", "val/1.jpg", "test/a/1.jpg", "test/a/2.jpg"}, 1, "a", 2, "",
			"val is left out"},
		"a class named like two words": {[]string{"bullet_train/1.jpg", "test_tube/2.jpg"}, 2, "bullet_train test_tube",
			-1, "", ""},
		"train and Training": {[]string{"train/a/1.jpg", "Training/a/1.jpg"}, 0, "", 0, `got "Training", "train"`, ""},
		"test only":          {[]string{"test/a/1.jpg"}, 0, "", 0, `folder train beside "test"`, ""},
		"test beside classes": {[]string{"cat/1.jpg", "dog/1.jpg", "test/1.jpg"}, 0, "", 0,
			`"test", which may be a split or a class`, ""},
		"train beside classes": {[]string{"bus/1.jpg", "car/1.jpg", "train/1.jpg"}, 0, "", 0,
			`"train" may be the training split or a class beside "bus", "car"`, ""},
		"something beside splits": {[]string{"train/a/1.jpg", "val/a/1.jpg", "extra/1.jpg", "notes/x.txt.jpg"}, 1, "a", 1, "",
			`left out: "extra"`},
		"other classes": {[]string{"train/a/1.jpg", "val/a/1.jpg", "val/b/1.jpg"}, 0, "", 0,
			`no training image of class "b"; the training images have "a"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			datatest.Write(t, dir, tc.files...)
			var notes []string
			train, test, err := opened(t, Options{Folder: dir, Note: func(s string) { notes = append(notes, s) }})
			if tc.want != "" {
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Fatalf("error %v, want one with %q", err, tc.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			n := -1
			if test != nil {
				n = test.Len()
			}
			if got := strings.Join(train.Classes(), " "); train.Len() != tc.train || got != tc.classes || n != tc.test {
				t.Errorf("%d images of %q, %d test images; want %d of %q, %d", train.Len(), got, n, tc.train, tc.classes, tc.test)
			}
			if text := fmt.Sprint(notes); (tc.note == "") != (len(notes) == 0) || !strings.Contains(text, tc.note) {
				t.Errorf("notes %q, want %q", notes, tc.note)
			}
		})
	}
}

// Tiny ImageNet as it is distributed: the classes of the validation images are in a file.
func TestTinyImageNet(t *testing.T) {
	dir := t.TempDir()
	datatest.Write(t, dir, "train/n01/images/n01_0.JPEG", "train/n02/images/n02_0.JPEG", "val/images/val_0.JPEG",
		"val/images/val_1.JPEG", "val/images/val_2.JPEG", "test/images/test_0.JPEG")
	datatest.Put(t, dir, "train/n01/n01_boxes.txt", []byte("n01_0.JPEG\t0\t0\t62\t40\n"))
	datatest.Put(t, dir, "val/val_annotations.txt", []byte("val_0.JPEG\tn02\t0\t0\t62\t40\r\nval_1.JPEG\tn01\t1\t2\t3\t4\r\n"+
		"val_9.JPEG\tn01\t1\t2\t3\t4\r\n"))
	var notes []string
	train, test, err := opened(t, Options{Folder: dir, Note: func(s string) { notes = append(notes, s) }})
	if err != nil || train.Len() != 2 || test == nil || test.Len() != 2 || test.Label(0) != 1 || test.Label(1) != 0 {
		t.Fatalf("%v: %v, %v", err, train, test)
	}
	if !strings.Contains(fmt.Sprint(notes), "1 images have no line in") || !strings.Contains(fmt.Sprint(notes), "1 lines have no image") {
		t.Errorf("notes %q", notes)
	}
	datatest.Put(t, dir, "val/val_annotations.txt", []byte("val_0.JPEG n02\n"))
	if _, _, err := opened(t, Options{Folder: dir}); err == nil || !strings.Contains(err.Error(), "line 1: want image<tab>class") {
		t.Errorf("without a tab: %v", err)
	}
}

// Test images that do not fit stop only what reads them.
func TestUnfitTests(t *testing.T) {
	shards := map[string]string{"train": "cat", "val": "dog"}
	for name, write := range map[string]func(dir string){
		"folder": func(dir string) { datatest.Write(t, dir, "train/a/1.jpg", "val/b/1.jpg") },
		"list": func(dir string) {
			datatest.Write(t, dir, "1.jpg")
			datatest.Put(t, dir, "train.txt", []byte("1.jpg\ta\n"))
			datatest.Put(t, dir, "val.txt", []byte("1.jpg\tb\n"))
		},
		"shards": func(dir string) {
			for split, class := range shards {
				datatest.Put(t, dir, split+"/0.tar", datatest.Tar(t, "0.jpg", "x", "0.cls", "0"))
				datatest.Put(t, dir, split+"/classes.txt", []byte(class+"\n"))
			}
		},
	} {
		dir := t.TempDir()
		write(dir)
		o := Options{Folder: dir}
		if name == "list" {
			o.Name = "list"
		}
		var notes []string
		o.Note = func(s string) { notes = append(notes, s) }
		if _, _, err := opened(t, o); err == nil || !strings.Contains(err.Error(), "want the") {
			t.Errorf("%s: wanted tests: %v", name, err)
		}
		for how, want := range map[TestSplit]int{TestIfSound: 1, TestUnread: 0} {
			o.Test, notes = how, nil
			train, test, err := opened(t, o)
			if err != nil || test != nil || train.Len() != 1 || len(notes) != want ||
				(want > 0 && !strings.Contains(notes[0], "the test images are left out")) {
				t.Errorf("%s, %d: %v, notes %q", name, how, err, notes)
			}
		}
	}
}
