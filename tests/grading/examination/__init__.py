"""An examination of the graders: answers as models and printers write them, right or wrong by construction, for every kind of question.

`formulas` and `quantities` write one value in many styles, `wording` puts it into an answer or denies it, `questions` has one function for
each kind of question that draws a gold, a right or wrong value, a style and a wording. Nothing here asks a grader.
"""
