// The fixed parts of report.html: its style and a hint.
#pragma once

namespace lamina::detail {

/// Rules of the page; colours and figures are figure_style()'s.
extern const char* const kReportStyle;
/// A line of a page on how its figures are used.
extern const char* const kFigureHint;

}  // namespace lamina::detail
