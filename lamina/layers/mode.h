// Whether a layer runs as in training or as at test time.
#pragma once

namespace lamina {

enum class Mode { train, test };

}  // namespace lamina
