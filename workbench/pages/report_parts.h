// The fixed parts of report.html: its style and its script.
#pragma once

namespace lamina::detail {

/// The CSS of the page; figure_style() has the colours.
extern const char* const kReportStyle;
/// The script that shows a figure's values under the pointer, or at a position moved by the arrow keys.
extern const char* const kReportScript;

}  // namespace lamina::detail
