package store

import "testing"

// Names of files are joined as paths, and URLs keep their beginning.
func TestJoin(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Join("a", "b"), "a/b"}, {Join("/a/", "../b"), "/b"}, {Join("", "b"), "b"}, {Join(), ""},
		{Join("s3://bucket", "train", "0.tar"), "s3://bucket/train/0.tar"},
		{Join("s3://bucket/a//b/"), "s3://bucket/a/b"}, {Join("https://host/a", "..", "b"), "https://host/b"},
		{Join("s3://bucket", "..", ".."), "s3://"},
		{Dir("s3://bucket/a/b.txt"), "s3://bucket/a"}, {Dir("a/b.txt"), "a"}, {Dir("b.txt"), "."},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
	for name, want := range map[string]bool{"s3://b": true, "https://h/x": true, "a/b": false, "C:/x": false, "://": false} {
		if IsURL(name) != want {
			t.Errorf("IsURL(%q) is %v", name, !want)
		}
	}
}
