#pragma once

// Loads the library at a path with everything that it needs. *library is its handle; the
// result is null, or the loader's message, which the caller frees.
char* cl_open(const char* path, void** library);

// The address of a name in the library, or null.
void* cl_address(void* library, const char* name);

// Leads all slots to the library's functions. Returns null, or the name of a function that
// the library lacks.
const char* cl_connect(void* library);
