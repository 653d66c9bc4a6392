// The fixed parts of report.html: its style and its script.
#pragma once

namespace lamina::detail {

/// Rules of the page; the colours are figure_style()'s.
extern const char* const kReportStyle;
/// Shows a figure's values under the pointer, or at a place moved by the arrow keys.
extern const char* const kReportScript;

}  // namespace lamina::detail
