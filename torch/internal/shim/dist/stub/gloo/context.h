#pragma once
#include <names.h>
