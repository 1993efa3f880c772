// Package malloc sets how the C library keeps freed memory, before a program's main
// function and before libtorch is loaded.
package malloc

import "C"
