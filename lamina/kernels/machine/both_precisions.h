// Kernels are function templates, instantiated for float and for double.
#pragma once

/// Instantiates the function template `name` for both.
#define LAMINA_FLOAT_AND_DOUBLE(name)         \
  template decltype(name<float>) name<float>; \
  template decltype(name<double>) name<double>
